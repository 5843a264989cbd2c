UPDATE writer SET mapping = $1 WHERE id = 1 AND (mapping IS NULL OR mapping <> $1)
