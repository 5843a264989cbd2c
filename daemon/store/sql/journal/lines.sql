SELECT l.entry_id, l.line_no, a.name AS account, l.side, l.amount, l.currency_id, l.functional, d.content AS dimensions,
    r.name AS release_account, s.method, s.start_on, s.end_on
FROM line l JOIN account a ON a.id = l.account_id
LEFT JOIN dimension_set d ON d.id = l.dimension_set_id
LEFT JOIN schedule s ON s.entry_id = l.entry_id AND s.line_no = l.line_no
LEFT JOIN account r ON r.id = s.release_account_id
WHERE l.entry_id > $1 AND l.entry_id <= $2 ORDER BY l.entry_id, l.line_no
