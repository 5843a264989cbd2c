SELECT id FROM entry WHERE reference = $1 ORDER BY id
