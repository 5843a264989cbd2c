SELECT e.id, t.name AS event_type, o.reason, s.name AS source, p.name AS partition_name, e.position, e.payload
FROM outcome o JOIN event e ON e.id = o.event_id
JOIN event_type t ON t.id = e.event_type_id
JOIN source_partition p ON p.id = e.partition_id JOIN source s ON s.id = p.source_id
WHERE o.kind = 3 ORDER BY e.id
