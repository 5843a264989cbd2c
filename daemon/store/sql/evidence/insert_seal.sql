INSERT INTO seal (id, period_id, batch, statement, hash, signature, public_key, sealed_at, sealed_by)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM seal),
    (SELECT p.id FROM period p JOIN entity en ON en.id = p.entity_id WHERE en.code = $1 AND p.code = $2), $3, $4, $5, $6, $7, $8, $9) RETURNING id
