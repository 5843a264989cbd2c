SELECT s.origin, s.account, s.currency_id, MIN(s.start_on) AS covered_from,
    MAX(CASE WHEN s.made_on < s.end_on THEN s.made_on ELSE s.end_on END) AS covered_on
FROM statement s GROUP BY s.origin, s.account, s.currency_id ORDER BY s.origin, s.account, s.currency_id
