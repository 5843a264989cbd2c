INSERT INTO dimension_set (id, hash, content)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM dimension_set), $1, $2)
ON CONFLICT (hash) DO NOTHING
