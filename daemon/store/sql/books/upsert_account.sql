INSERT INTO account (id, name, code, type, normal_side, title)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM account), $1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE SET code = excluded.code, title = excluded.title
