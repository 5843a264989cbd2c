INSERT INTO mapping_activation (id, mapping_id, activated_at, activated_by)
SELECT (SELECT COALESCE(MAX(id), 0) + 1 FROM mapping_activation), m.id, $2, $3 FROM mapping m WHERE m.version = $1 RETURNING id
