SELECT q.id, s.name AS source, p.name AS partition_name, q.position, q.reason, q.raw
FROM quarantine q JOIN source_partition p ON p.id = q.partition_id JOIN source s ON s.id = p.source_id
ORDER BY q.id
