INSERT INTO reconciliation_break (id, reconciliation, kind, status, reference, account, currency_id, amount, since_on, age_days, items, detail, lasting, first_seen_at, last_seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, amount = excluded.amount, age_days = excluded.age_days,
    items = excluded.items, detail = excluded.detail, last_seen_at = excluded.last_seen_at
