SELECT l.key, l.id, l.statement_id, l.origin, l.currency_id, l.gross, COALESCE((SELECT MAX(c.fee) FROM settlement_completion c WHERE c.line_id = l.id), l.fee) AS fee,
    CASE WHEN l.payout = '' THEN COALESCE((SELECT MAX(c.payout) FROM settlement_completion c WHERE c.line_id = l.id), '') ELSE l.payout END AS payout,
    COALESCE(l.paid_on, (SELECT MAX(c.paid_on) FROM settlement_completion c WHERE c.line_id = l.id)) AS paid_on,
    CASE WHEN l.reference = '' THEN COALESCE((SELECT MAX(c.reference) FROM settlement_completion c WHERE c.line_id = l.id), '') ELSE l.reference END AS reference,
    COALESCE(l.original, (SELECT MAX(c.original) FROM settlement_completion c WHERE c.line_id = l.id)) AS original
FROM settlement_line_received l WHERE l.key IN (SELECT unhex(value) FROM json_each($1))
