-- What a reconciliation's newest run finds and nobody has said or done anything about.
SELECT f.id, f.kind FROM finding f
WHERE f.reconciliation = $1 AND f.amount <> 0 AND NOT EXISTS (SELECT 1 FROM case_deed d
    WHERE d.case_id = f.id AND d.deed NOT IN ('found', 'returned', 'changed', 'cleared'))
ORDER BY f.since_on, f.id
