SELECT id FROM event WHERE key = $1
