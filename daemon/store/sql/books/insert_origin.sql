INSERT INTO origin (id, name) VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM origin), $1) ON CONFLICT (name) DO NOTHING
