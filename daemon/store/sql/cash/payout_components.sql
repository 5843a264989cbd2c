SELECT p.id AS payout_id, p.account, p.identity, p.currency_id, l.movement, l.kind, CAST(SUM(l.gross) AS BIGINT) AS gross,
    CAST(SUM(l.fee) AS BIGINT) AS fee, CAST(SUM(l.net) AS BIGINT) AS net, COUNT(*) AS lines, MAX(COALESCE(l.paid_on, l.booked_on)) AS paid_on
FROM payout p JOIN counted_line l ON l.origin = 'processor' AND l.account = p.account AND l.payout = p.identity AND l.currency_id = p.currency_id
WHERE $1 = '' OR p.account = $1
GROUP BY p.id, p.account, p.identity, p.currency_id, l.movement, l.kind ORDER BY p.id, l.movement, l.kind
