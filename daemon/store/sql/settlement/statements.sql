SELECT s.id, f.name AS file, s.origin, s.account, s.identity, s.currency_id, s.opening, s.closing, s.total, s.start_on, s.end_on, s.verdict,
    COALESCE(s.basis, 'final') AS basis, s.sequence, s.page, s.is_last_page, s.made_on, COALESCE(s.lines, 0) AS lines,
    CAST(CASE WHEN x.statement_id IS NULL THEN 0 ELSE 1 END AS BIGINT) AS superseded
FROM statement s JOIN settlement_file f ON f.id = s.file_id LEFT JOIN statement_supersession x ON x.statement_id = s.id ORDER BY s.id
