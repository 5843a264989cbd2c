SELECT q.id, p.name AS partition_name, q.position,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM quarantine w LEFT JOIN quarantine_decision x ON x.quarantine_id = w.id WHERE x.quarantine_id IS NULL) AS waiting
FROM quarantine q JOIN source_partition p ON p.id = q.partition_id
LEFT JOIN quarantine_decision d ON d.quarantine_id = q.id
WHERE d.quarantine_id IS NULL ORDER BY q.id LIMIT 1
