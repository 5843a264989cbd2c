INSERT INTO redecision (id, event_id, former_kind, former_rule_id, former_reason, former_decided_at, kind, rule_id, reason, decided_at, decided_by)
SELECT $1, o.event_id, o.kind, o.rule_id, o.reason, o.decided_at, CAST($3 AS BIGINT), $4, $5, $6, $7 FROM outcome o
WHERE o.event_id = $2 AND (o.kind = 3 OR (o.kind = 2 AND CAST($3 AS BIGINT) = 1))
