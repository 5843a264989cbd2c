-- How much of each break of a reconciliation stands posted away, where it is anything. What comes of a match is found once, and
-- no later run says anything of it.
SELECT s.case_id, s.amount, s.first_entry, c.reference, c.currency_id, COALESCE(f.account, '') AS account, f.since_on FROM (
    SELECT p.case_id, CAST(SUM(p.amount) AS BIGINT) AS amount, CAST(MIN(p.first_entry) AS BIGINT) AS first_entry
    FROM break_case o JOIN break_posting_now p ON p.case_id = o.id
    WHERE o.reconciliation = $1 AND p.standing GROUP BY p.case_id) s
JOIN break_case c ON c.id = s.case_id LEFT JOIN finding f ON f.id = s.case_id
WHERE s.amount <> 0 AND (f.lasting IS NULL OR f.lasting = 0) ORDER BY s.case_id
