SELECT l.id, l.movement, l.fee, l.net, l.booked_on, l.paid_on, p.id AS payout_id
FROM settlement_completion c JOIN settlement_line_received r ON r.id = c.line_id JOIN settlement_line l ON l.id = c.line_id
JOIN payout p ON p.account = l.account AND p.currency_id = l.currency_id AND p.identity = c.payout
WHERE r.origin = $1 AND r.account = $2 AND c.id > $3 AND r.id <= $4 AND r.payout = '' AND c.payout <> ''
    AND NOT EXISTS (SELECT 1 FROM settlement_completion o WHERE o.line_id = r.id AND o.id <= $3 AND o.payout <> '')
ORDER BY c.id
