SELECT s.id, CAST(COALESCE((SELECT SUM(l.net) FROM settlement_line_received l
    WHERE l.id BETWEEN s.first_line AND s.last_line AND l.statement_id = s.id), CASE WHEN s.first_line IS NULL AND s.lines IS NULL THEN s.total ELSE 0 END) AS BIGINT) AS own
FROM statement s WHERE s.origin = 'bank' ORDER BY s.id
