SELECT r.statement_id, r.line_id, l.statement_id AS owner, l.net
FROM settlement_repeat r JOIN settlement_line_received l ON l.id = r.line_id ORDER BY r.id
