SELECT e.id, e.payload, e.received_at, o.reason, o.rule_id FROM outcome o JOIN event e ON e.id = o.event_id
WHERE o.kind = 3 AND e.id > $1 ORDER BY e.id LIMIT $2
