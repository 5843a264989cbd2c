SELECT id, key, content_hash, content_version, payload FROM event WHERE id > $1 ORDER BY id LIMIT $2
