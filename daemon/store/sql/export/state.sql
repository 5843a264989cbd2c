SELECT s.batch_id, s.uuid, s.number, t.name AS target, s.entries, s.state, s.due, s.attempt, s.message, s.resent
FROM batch_state s JOIN target t ON t.id = s.target_id WHERE s.uuid = $1
