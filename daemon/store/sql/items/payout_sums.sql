SELECT payout_id, contents, stated, fee, last_on, matched, parts, tied_fee FROM payout_sum WHERE reconciliation = $1 AND payout_id = $2
