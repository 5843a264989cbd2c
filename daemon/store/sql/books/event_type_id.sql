SELECT id FROM event_type WHERE name = $1
