SELECT e.id, e.key, e.content_hash, o.name AS origin, t.name AS event_type, s.name AS source, p.name AS partition_name,
    e.position, e.occurred_at, e.received_at, e.payload, d.kind AS outcome, d.reason, r.name AS rule
FROM event e
JOIN origin o ON o.id = e.origin_id
JOIN event_type t ON t.id = e.event_type_id
JOIN source_partition p ON p.id = e.partition_id
JOIN source s ON s.id = p.source_id
JOIN outcome d ON d.event_id = e.id
LEFT JOIN rule r ON r.id = d.rule_id
WHERE e.id = $1
