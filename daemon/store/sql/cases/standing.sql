-- How much of each break of a reconciliation stands posted away, where it is anything. What comes of a match is found once, and
-- no later run says anything of it.
SELECT s.case_id, s.amount, s.first_entry, c.reference, c.currency_id, COALESCE(f.account, '') AS account, f.since_on FROM (
    SELECT p.case_id, CAST(SUM(p.amount) AS BIGINT) AS amount, CAST(MIN(p.first_entry) AS BIGINT) AS first_entry
    FROM break_posting p
    WHERE p.entries + (SELECT CAST(COUNT(*) AS BIGINT) FROM correction c WHERE c.event_id = p.event_id AND c.reverses IS NULL)
        > (SELECT CAST(COUNT(*) AS BIGINT) FROM correction c WHERE c.event_id = p.event_id AND c.reverses IS NOT NULL)
    GROUP BY p.case_id) s
JOIN break_case c ON c.id = s.case_id LEFT JOIN finding f ON f.id = s.case_id
WHERE c.reconciliation = $1 AND s.amount <> 0 AND (f.lasting IS NULL OR f.lasting = 0) ORDER BY s.case_id
