-- What happened to all cases before a moment, in its order.
SELECT c.id, c.reconciliation, c.kind, c.reference, c.currency_id, c.detail, d.deed, d.actor, d.done_at, d.why, d.amount, d.until_on
FROM break_case c JOIN case_deed d ON d.case_id = c.id
WHERE d.done_at < $1 ORDER BY c.reconciliation, c.id, d.number
