SELECT l.entry_id, l.line_no, a.name AS account, l.side, l.amount, l.currency_id, l.functional, d.content AS dimensions
FROM line l JOIN account a ON a.id = l.account_id
LEFT JOIN dimension_set d ON d.id = l.dimension_set_id
WHERE l.entry_id > $1 AND l.entry_id <= $2 ORDER BY l.entry_id, l.line_no
