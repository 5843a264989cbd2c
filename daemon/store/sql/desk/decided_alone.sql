-- What people decided alone in a currency from one moment to another, by kind and person: about breaks by their amount, about
-- matches by the larger of their sides.
SELECT p.kind, p.proposed_by, CAST(SUM(ABS(d.amount)) AS BIGINT) AS amount
FROM proposal p JOIN case_deed d ON d.case_id = p.subject AND d.proposal_id = p.id JOIN break_case c ON c.id = d.case_id
WHERE p.eyes = 2 AND p.proposed_at >= $1 AND p.proposed_at < $2 AND c.currency_id = $3
GROUP BY p.kind, p.proposed_by
UNION ALL
SELECT s.kind, s.proposed_by, CAST(SUM(CASE WHEN s.lefts > s.rights THEN s.lefts ELSE s.rights END) AS BIGINT) FROM (
    SELECT p.id, p.kind, p.proposed_by,
        SUM(CASE WHEN i.side = 'left' THEN ABS(i.amount) ELSE 0 END) AS lefts,
        SUM(CASE WHEN i.side = 'right' THEN ABS(i.amount) ELSE 0 END) AS rights
    FROM proposal p LEFT JOIN match_undone u ON u.proposal_id = p.id
    JOIN reconciliation_match_made m ON m.id = u.match_id OR m.proposal_id = p.id
    JOIN match_item_made i ON i.match_id = m.id
    WHERE p.eyes = 2 AND p.kind IN ('match', 'match-undo') AND p.proposed_at >= $1 AND p.proposed_at < $2 AND m.currency_id = $3
    GROUP BY p.id, p.kind, p.proposed_by) s
GROUP BY s.kind, s.proposed_by
