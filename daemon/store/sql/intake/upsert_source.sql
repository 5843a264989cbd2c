INSERT INTO source (id, name, kind) VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM source), $1, $2)
ON CONFLICT (name) DO NOTHING
