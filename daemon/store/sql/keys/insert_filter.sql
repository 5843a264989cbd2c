INSERT INTO key_filter (run, bits) VALUES ($1, $2)
