SELECT r.id, r.event_id, r.kind, s.name AS source, p.name AS partition_name, r.position, e.payload
FROM repetition r JOIN source_partition p ON p.id = r.partition_id JOIN source s ON s.id = p.source_id
JOIN event e ON e.id = r.event_id
ORDER BY r.id
