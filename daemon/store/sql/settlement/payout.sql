SELECT p.identity, p.currency_id, CAST(COUNT(*) AS BIGINT) AS lines, CAST(SUM(l.net) AS BIGINT) AS net, MAX(l.paid_on) AS paid_on
FROM payout p JOIN counted_line l ON l.origin = 'processor' AND l.account = p.account AND l.currency_id = p.currency_id AND l.payout = p.identity
WHERE p.id = $1 GROUP BY p.identity, p.currency_id
