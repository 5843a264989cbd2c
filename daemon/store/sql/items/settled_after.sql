SELECT l.id, l.account, l.identity, l.movement, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net,
    l.original, l.original_currency_id, l.booked_on, COALESCE(l.paid_on, c.paid_on) AS paid_on,
    CASE WHEN l.payout = '' THEN COALESCE(c.payout, '') ELSE l.payout END AS payout, l.counterparty, l.description
FROM counted_line l LEFT JOIN (SELECT line_id, MAX(payout) AS payout, MAX(paid_on) AS paid_on FROM settlement_completion GROUP BY line_id) c ON c.line_id = l.id
WHERE l.origin = $1 AND ($2 = '' OR l.account = $2) AND l.id > $3 AND l.id <= $4 ORDER BY l.id
