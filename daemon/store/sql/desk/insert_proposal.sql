INSERT INTO proposal (id, kind, subject, seen, payload, why, eyes, role, proposed_by, proposed_at)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM proposal), $1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING id
