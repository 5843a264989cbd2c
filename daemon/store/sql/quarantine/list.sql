SELECT q.id, s.name AS source, p.name AS partition_name, q.position, q.reason, q.raw, q.headers, q.received_at,
    d.kind AS decision, d.why, d.decided_by
FROM quarantine q JOIN source_partition p ON p.id = q.partition_id JOIN source s ON s.id = p.source_id
LEFT JOIN quarantine_decision d ON d.quarantine_id = q.id
WHERE ($1 = 0 OR q.id = $1) ORDER BY q.id
