SELECT t.name AS target, s.batch_id AS id, s.uuid, s.number, s.entries, s.state, s.message
FROM batch_state s JOIN target t ON t.id = s.target_id ORDER BY t.name, s.number
