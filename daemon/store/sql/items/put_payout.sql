INSERT INTO payout_sum (reconciliation, payout_id, contents, stated, fee, last_on, matched, parts, tied_fee)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (reconciliation, payout_id) DO UPDATE SET contents = excluded.contents, stated = excluded.stated, fee = excluded.fee,
    last_on = excluded.last_on, matched = excluded.matched, parts = excluded.parts, tied_fee = excluded.tied_fee
