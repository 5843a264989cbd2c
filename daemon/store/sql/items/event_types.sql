SELECT id, name FROM event_type
