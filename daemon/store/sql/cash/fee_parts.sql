SELECT l.id, COALESCE(p.id, 0) AS payout_id, l.account, l.currency_id, l.booked_on, l.fee_parts FROM settlement_line l
LEFT JOIN payout p ON p.account = l.account AND p.identity = l.payout AND p.currency_id = l.currency_id
WHERE l.id > $1 AND l.origin = 'processor' AND l.fee_parts IS NOT NULL AND ($2 = '' OR l.account = $2) ORDER BY l.id LIMIT $3
