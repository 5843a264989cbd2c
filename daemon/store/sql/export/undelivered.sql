SELECT b.id, b.uuid, b.number, b.entries, b.lines, b.artifact_name, b.artifact_hash, b.artifact, b.manifest,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM delivery d WHERE d.batch_id = b.id) AS attempts
FROM batch b
WHERE b.target_id = $1
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.batch_id = b.id AND d.kind IN (1, 2, 3))
ORDER BY b.number
