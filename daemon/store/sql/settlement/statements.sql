SELECT s.id, f.name AS file, s.origin, s.account, s.identity, s.currency_id, s.opening, s.closing, s.total, s.start_on, s.end_on, s.verdict
FROM statement s JOIN settlement_file f ON f.id = s.file_id ORDER BY s.id
