-- Whether nobody has said or done anything about a break, or waits for somebody's decision.
SELECT CAST(COUNT(*) AS BIGINT) FROM (
    SELECT d.number FROM case_deed d WHERE d.case_id = $1 AND d.deed NOT IN ('found', 'returned', 'changed', 'cleared')
    UNION ALL
    SELECT p.id FROM proposal p WHERE p.eyes = 4 AND p.subject = $1
        AND NOT EXISTS (SELECT 1 FROM decision v WHERE v.proposal_id = p.id)) AS touched
