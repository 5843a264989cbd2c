INSERT INTO mapping (id, pack, version, activated_at, activated_by)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM mapping), $1, $2, $3, $4)
ON CONFLICT (version) DO NOTHING RETURNING id
