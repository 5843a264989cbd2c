SELECT id FROM entry WHERE event_id = $1 ORDER BY id
