SELECT key, id, content_hash FROM event WHERE key IN (SELECT unhex(value) FROM json_each($1))
