SELECT l.id, l.account, l.identity, l.movement, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net,
    l.original, l.original_currency_id, l.booked_on, COALESCE(l.paid_on, c.paid_on) AS paid_on,
    CASE WHEN l.payout = '' THEN COALESCE(c.payout, '') ELSE l.payout END AS payout, l.counterparty, l.description
FROM open_item i CROSS JOIN counted_line l LEFT JOIN (SELECT line_id, MAX(payout) AS payout, MAX(paid_on) AS paid_on FROM settlement_completion GROUP BY line_id) c ON c.line_id = l.id
WHERE l.id = i.item_id AND l.origin = $1 AND ($2 = '' OR l.account = $2) AND i.reconciliation = $3 AND i.side = $4 AND i.item_kind IN (2, 3) ORDER BY l.id
