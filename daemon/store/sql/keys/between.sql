SELECT id, key FROM event WHERE id > $1 AND id <= $2
