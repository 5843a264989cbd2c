SELECT id, identity, currency_id FROM payout WHERE account = $1
