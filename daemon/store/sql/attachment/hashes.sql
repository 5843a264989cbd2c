SELECT id, hash FROM attachment WHERE id > $1 ORDER BY id LIMIT 1
