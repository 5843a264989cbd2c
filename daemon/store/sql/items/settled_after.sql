SELECT l.id, l.account, l.identity, l.movement, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net,
    l.original, l.original_currency_id, l.booked_on, l.paid_on,
    l.payout, l.counterparty, l.description
FROM counted_line l
WHERE l.origin = $1 AND ($2 = '' OR l.account = $2) AND l.id > $3 AND l.id <= $4 ORDER BY l.id
