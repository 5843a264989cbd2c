SELECT t.name AS target, b.number, b.uuid, b.artifact_name, b.artifact_hash,
    (SELECT d.kind FROM delivery d WHERE d.batch_id = b.id ORDER BY d.attempt DESC LIMIT 1) AS state,
    (SELECT d.message FROM delivery d WHERE d.batch_id = b.id ORDER BY d.attempt DESC LIMIT 1) AS message
FROM batch_entry be JOIN batch b ON b.id = be.batch_id JOIN target t ON t.id = b.target_id
WHERE be.entry_id = $1 ORDER BY t.name
