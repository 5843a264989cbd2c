SELECT l.id, l.origin, l.account, l.identity, l.movement, l.kind, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net, l.fee_parts,
    l.exact, l.original, l.original_currency_id, l.rate, l.booked_on, l.value_on, l.counterparty, l.description,
    l.file_id, f.name AS file, l.position, l.place_offset, l.place_length, p.id AS payout_id,
    CASE WHEN l.payout = '' THEN COALESCE(c.payout, '') ELSE l.payout END AS payout, COALESCE(l.paid_on, c.paid_on) AS paid_on
FROM settlement_line l JOIN settlement_file f ON f.id = l.file_id
LEFT JOIN (SELECT line_id, MAX(payout) AS payout, MAX(paid_on) AS paid_on FROM settlement_completion WHERE line_id = $1 GROUP BY line_id) c ON c.line_id = l.id
LEFT JOIN payout p ON l.origin = 'processor' AND p.account = l.account AND p.currency_id = l.currency_id
    AND p.identity = CASE WHEN l.payout = '' THEN COALESCE(c.payout, '') ELSE l.payout END
WHERE l.id = $1
