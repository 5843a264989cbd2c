SELECT p.identity, p.currency_id, CAST(COUNT(*) AS BIGINT) AS lines, CAST(SUM(l.net) AS BIGINT) AS net, MAX(COALESCE(l.paid_on, c.paid_on)) AS paid_on
FROM payout p JOIN counted_line l ON l.origin = 'processor' AND l.account = p.account AND l.currency_id = p.currency_id
LEFT JOIN (SELECT line_id, MAX(payout) AS payout, MAX(paid_on) AS paid_on FROM settlement_completion GROUP BY line_id) c ON c.line_id = l.id
WHERE p.id = $1 AND p.identity = CASE WHEN l.payout = '' THEN COALESCE(c.payout, '') ELSE l.payout END
GROUP BY p.identity, p.currency_id
