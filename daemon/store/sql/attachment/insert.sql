INSERT INTO attachment (id, subject, name, hash, size, attached_at, attached_by)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM attachment), $1, $2, $3, $4, $5, $6) RETURNING id
