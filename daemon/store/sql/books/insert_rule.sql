INSERT INTO rule (id, mapping_id, name)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM rule), $1, $2)
ON CONFLICT (mapping_id, name) DO NOTHING
