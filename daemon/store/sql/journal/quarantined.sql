SELECT q.id, s.name AS source, p.name AS partition_name, q.position, q.reason, q.raw
FROM quarantine q JOIN source_partition p ON p.id = q.partition_id JOIN source s ON s.id = p.source_id
WHERE NOT EXISTS (SELECT 1 FROM quarantine_decision d WHERE d.quarantine_id = q.id)
ORDER BY q.id
