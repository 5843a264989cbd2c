SELECT s.id, s.identity, s.opening, s.closing, s.start_on, s.end_on, s.verdict, COALESCE(s.basis, 'final') AS basis, s.sequence,
    COALESCE(s.lines, -1) AS lines, COALESCE(s.own_lines, -1) AS own_lines
FROM statement s WHERE s.account = $1 AND s.currency_id = $2 AND s.origin = $3 AND s.end_on >= $4 AND s.end_on <= $5 AND s.start_on >= $4
    AND s.id < $6 AND NOT EXISTS (SELECT 1 FROM statement_supersession x WHERE x.statement_id = s.id) ORDER BY s.id
