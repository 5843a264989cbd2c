SELECT q.id, s.name AS source, p.name AS partition_name, q.position, q.reason, q.raw,
    CAST(COALESCE(q.whole_length, length(q.raw)) AS BIGINT) AS length, q.whole_hash, q.headers, q.received_at,
    d.kind AS decision, d.why, d.decided_by
FROM quarantine q JOIN source_partition p ON p.id = q.partition_id JOIN source s ON s.id = p.source_id
LEFT JOIN quarantine_decision d ON d.quarantine_id = q.id
WHERE q.id = $1
