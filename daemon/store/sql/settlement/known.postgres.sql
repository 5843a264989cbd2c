-- Key by key, for a plan that was made while the table was small would go through all of it, and through all keys for each row.
SELECT l.key, l.id, l.statement_id, l.origin, l.currency_id, l.gross, COALESCE((SELECT MAX(c.fee) FROM settlement_completion c WHERE c.line_id = l.id), l.fee) AS fee,
    CASE WHEN l.payout = '' THEN COALESCE((SELECT MAX(c.payout) FROM settlement_completion c WHERE c.line_id = l.id), '') ELSE l.payout END AS payout,
    COALESCE(l.paid_on, (SELECT MAX(c.paid_on) FROM settlement_completion c WHERE c.line_id = l.id)) AS paid_on,
    CASE WHEN l.reference = '' THEN COALESCE((SELECT MAX(c.reference) FROM settlement_completion c WHERE c.line_id = l.id), '') ELSE l.reference END AS reference,
    COALESCE(l.original, (SELECT MAX(c.original) FROM settlement_completion c WHERE c.line_id = l.id)) AS original
FROM unnest(CAST($1 AS BYTEA[])) k(key) CROSS JOIN LATERAL (SELECT * FROM settlement_line_received r WHERE r.key = k.key LIMIT 1) l
