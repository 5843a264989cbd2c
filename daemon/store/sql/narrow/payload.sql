SELECT id, payload FROM event WHERE id = $1
