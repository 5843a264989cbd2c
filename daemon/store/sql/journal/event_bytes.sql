SELECT id, key, content_hash, payload FROM event WHERE id > $1 ORDER BY id LIMIT $2
