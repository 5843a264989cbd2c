SELECT id, event_id, former_kind, former_rule_id, former_reason, former_decided_at, kind, rule_id, reason, decided_at
FROM redecision WHERE event_id >= $1 AND event_id <= $2 ORDER BY event_id, id
