SELECT last_key FROM record_link WHERE kind = $1 ORDER BY id DESC LIMIT 1
