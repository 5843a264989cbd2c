SELECT event_id FROM outcome WHERE kind = 2 AND event_id > $1 ORDER BY event_id LIMIT $2
