SELECT entry_id, line_no, release_account_id, method, start_on, end_on FROM schedule
WHERE entry_id > $1 AND entry_id <= $2 ORDER BY entry_id, line_no
