INSERT INTO target (id, name, kind) VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM target), $1, $2)
ON CONFLICT (name) DO NOTHING
