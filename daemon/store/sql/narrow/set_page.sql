SELECT id, content FROM dimension_set
WHERE id IN (SELECT l.dimension_set_id FROM line l WHERE l.entry_id > $1 AND l.entry_id <= $2) ORDER BY id
