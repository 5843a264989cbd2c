SELECT c.id, c.reconciliation, c.kind, c.reference, c.currency_id, c.amount, c.detail, c.opened_at
FROM break_case c WHERE c.id = $1
