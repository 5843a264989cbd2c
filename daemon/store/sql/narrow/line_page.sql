SELECT entry_id, line_no, account_id, side, amount, currency_id, functional, dimension_set_id
FROM line WHERE entry_id > $1 AND entry_id <= $2 ORDER BY entry_id, line_no
