UPDATE period SET state = $3
WHERE code = $2 AND entity_id = (SELECT id FROM entity WHERE code = $1) AND state <> $3 RETURNING id
