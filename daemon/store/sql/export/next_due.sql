SELECT b.id, b.uuid, b.number, b.artifact_name, b.artifact_hash, b.manifest, s.state, s.resent
FROM batch_state s JOIN batch b ON b.id = s.batch_id
WHERE s.target_id = $1 AND s.number > $2 AND s.due = 1 ORDER BY s.number LIMIT 1
