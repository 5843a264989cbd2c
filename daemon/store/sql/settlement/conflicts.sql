SELECT l.identity, l.account, f.name AS file, c.position, c.what, b.name AS before_file, l.position AS before_position
FROM settlement_conflict c JOIN settlement_line_received l ON l.id = c.line_id JOIN statement s ON s.id = c.statement_id
JOIN settlement_file f ON f.id = s.file_id JOIN settlement_file b ON b.id = l.file_id ORDER BY c.id
