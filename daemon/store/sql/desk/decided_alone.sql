-- What people decided alone about breaks in a currency from one moment to another, by kind and person.
SELECT p.kind, p.proposed_by, CAST(SUM(ABS(d.amount)) AS BIGINT) AS amount
FROM proposal p JOIN case_deed d ON d.case_id = p.subject AND d.proposal_id = p.id JOIN break_case c ON c.id = d.case_id
WHERE p.eyes = 2 AND p.proposed_at >= $1 AND p.proposed_at < $2 AND c.currency_id = $3
GROUP BY p.kind, p.proposed_by ORDER BY p.kind, p.proposed_by
