SELECT CAST(CASE WHEN MAX(s.lines) IS NULL THEN COALESCE((SELECT MIN(l.id) FROM settlement_line_received l WHERE l.file_id = $1), 0)
    ELSE COALESCE(MIN(s.first_line), 0) END AS BIGINT) AS first,
    CAST(CASE WHEN MAX(s.lines) IS NULL THEN COALESCE((SELECT MAX(l.id) FROM settlement_line_received l WHERE l.file_id = $1), 0)
    ELSE COALESCE(MAX(s.last_line), 0) END AS BIGINT) AS last
FROM statement s WHERE s.file_id = $1
