SELECT t.name AS target, t.kind, s.number, s.uuid, COALESCE(b.artifact_name, '') AS artifact_name, s.entries, s.state, s.due,
    COALESCE(s.message, '') AS message, s.attempted_at,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM batch_document d WHERE d.batch_id = s.batch_id) AS documents,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM batch_held h WHERE h.batch_id = s.batch_id AND h.own = 1) AS held
FROM batch_state s JOIN target t ON t.id = s.target_id LEFT JOIN batch b ON b.id = s.batch_id
ORDER BY t.name, s.number
