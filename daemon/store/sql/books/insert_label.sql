INSERT INTO account_label (id, account_id, from_on, name, code)
SELECT (SELECT COALESCE(MAX(id), 0) + 1 FROM account_label), a.id, $2, $3, $4 FROM account a WHERE a.name = $1
