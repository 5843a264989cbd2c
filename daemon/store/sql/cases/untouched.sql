-- What a reconciliation's newest run finds and nobody has said or done anything about, nor posted anything about what goes by
-- the same name.
SELECT f.id, f.kind, f.amount, f.currency_id FROM finding f
WHERE f.reconciliation = $1 AND f.amount <> 0
    AND NOT EXISTS (SELECT 1 FROM case_deed d
        WHERE d.case_id = f.id AND d.deed NOT IN ('found', 'returned', 'changed', 'cleared'))
    AND f.id NOT IN (SELECT p.subject FROM proposal p WHERE p.eyes = 4
        AND NOT EXISTS (SELECT 1 FROM decision v WHERE v.proposal_id = p.id))
    AND (f.reference = '' OR f.reference NOT IN (SELECT c.reference FROM break_posting_now p JOIN break_case c ON c.id = p.case_id
        WHERE c.reconciliation = $1 AND c.currency_id = f.currency_id AND p.standing))
ORDER BY f.since_on, f.id
