INSERT INTO period (id, entity_id, code, start_on, end_on, state)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM period), $1, $2, $3, $4, 'open')
ON CONFLICT (entity_id, code) DO NOTHING
