SELECT id, content FROM dimension_set WHERE id IN (SELECT value FROM json_each($1))
