INSERT INTO payout (id, account, identity, currency_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (account, identity, currency_id) DO NOTHING
