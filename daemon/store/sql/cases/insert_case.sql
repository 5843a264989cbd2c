INSERT INTO break_case (id, reconciliation, kind, reference, currency_id, amount, detail, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
