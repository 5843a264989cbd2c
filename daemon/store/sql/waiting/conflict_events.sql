SELECT id, event_id FROM repetition WHERE kind = 2 ORDER BY id
