SELECT l.key, l.id, l.statement_id, l.currency_id, l.gross, l.fee, l.net, l.payout, l.paid_on,
    (SELECT MAX(c.payout) FROM settlement_completion c WHERE c.line_id = l.id) AS later_payout,
    (SELECT MAX(c.paid_on) FROM settlement_completion c WHERE c.line_id = l.id) AS later_paid_on
FROM settlement_line l WHERE l.key = ANY(CAST($1 AS BYTEA[]))
