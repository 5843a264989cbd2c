SELECT id FROM account WHERE name = $1 UNION SELECT account_id FROM account_label WHERE name = $1 ORDER BY 1
