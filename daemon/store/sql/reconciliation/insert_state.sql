INSERT INTO reconciliation_state (reconciliation, account, currency_id, left_total, right_total, left_matched, right_matched, left_pending, right_pending, breaks, as_of_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
