SELECT r.id, r.event_id, s.name AS source, p.name AS partition_name, r.position, r.received_at, t.name AS event_type,
    f.name AS first_source, e.position AS first_position, e.received_at AS first_received_at,
    a.proposed_by AS accepted_by, a.why AS accepted_why
FROM repetition r
JOIN source_partition p ON p.id = r.partition_id
JOIN source s ON s.id = p.source_id
JOIN event e ON e.id = r.event_id
JOIN event_type t ON t.id = e.event_type_id
JOIN source_partition q ON q.id = e.partition_id
JOIN source f ON f.id = q.source_id
LEFT JOIN accepted_conflict a ON a.subject = CAST(r.id AS TEXT)
WHERE r.kind = 2 AND ($1 = 1 OR a.subject IS NULL)
ORDER BY r.id LIMIT $2
