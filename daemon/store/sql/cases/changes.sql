-- What runs found, lost and saw change, from one moment to another.
SELECT c.id, c.reconciliation, c.kind, c.reference, c.currency_id, c.detail, d.deed, d.actor, d.done_at, d.why, d.amount, d.until_on
FROM break_case c JOIN case_deed d ON d.case_id = c.id
WHERE d.done_at >= $1 AND d.done_at < $2 AND d.deed IN ('found', 'returned', 'changed', 'cleared')
ORDER BY d.serial
