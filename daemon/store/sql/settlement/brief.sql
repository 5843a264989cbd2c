SELECT s.id, s.identity, s.opening, s.closing, s.start_on, s.end_on, s.verdict, COALESCE(s.basis, 'final') AS basis, s.sequence,
    COALESCE(s.lines, -1) AS lines, COALESCE(s.own_lines, -1) AS own_lines
FROM statement s WHERE s.id = $1
