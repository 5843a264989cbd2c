INSERT INTO event_type (id, name) VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM event_type), $1) ON CONFLICT (name) DO NOTHING
