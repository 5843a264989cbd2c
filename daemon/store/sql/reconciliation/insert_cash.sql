INSERT INTO reconciliation_cash (reconciliation, currency_id, movement, left_total, right_total, left_open, right_open, breaks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
