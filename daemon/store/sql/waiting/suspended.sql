SELECT e.id, t.name AS event_type, s.name AS source, p.name AS partition_name, e.position,
    e.occurred_at, e.received_at, d.reason, r.name AS rule, e.payload
FROM outcome d
JOIN event e ON e.id = d.event_id
JOIN event_type t ON t.id = e.event_type_id
JOIN source_partition p ON p.id = e.partition_id
JOIN source s ON s.id = p.source_id
LEFT JOIN rule r ON r.id = d.rule_id
WHERE d.kind = 3 AND e.id > $1 ORDER BY e.id LIMIT $2
