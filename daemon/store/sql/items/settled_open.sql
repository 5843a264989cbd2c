SELECT l.id, l.account, l.identity, l.movement, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net,
    l.original, l.original_currency_id, l.booked_on, l.paid_on,
    l.payout, l.counterparty, l.description
FROM open_item i CROSS JOIN counted_line l
WHERE l.id = i.item_id AND l.origin = $1 AND ($2 = '' OR l.account = $2) AND i.reconciliation = $3 AND i.side = $4 AND i.item_kind IN (2, 3) ORDER BY l.id
