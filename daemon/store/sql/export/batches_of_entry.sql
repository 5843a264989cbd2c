SELECT t.name AS target, s.number, s.uuid, COALESCE(b.artifact_name, '') AS artifact_name, s.state, s.message
FROM batch_state s JOIN target t ON t.id = s.target_id LEFT JOIN batch b ON b.id = s.batch_id
WHERE $1 BETWEEN s.first_entry AND s.last_entry ORDER BY t.name, s.number
