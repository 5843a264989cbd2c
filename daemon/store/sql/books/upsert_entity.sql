INSERT INTO entity (id, code, name, functional_id, zone, calendar)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM entity), $1, $2, $3, $4, $5)
ON CONFLICT (code) DO UPDATE SET name = excluded.name
