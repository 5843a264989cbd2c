INSERT INTO statement (id, file_id, origin, account, identity, currency_id, opening, closing, total, start_on, end_on, verdict)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
