SELECT l.id, l.origin, l.account, l.identity, l.movement, l.kind, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net, l.fee_parts,
    l.exact, l.original, l.original_currency_id, l.rate, l.booked_on, l.value_on, l.counterparty, l.description,
    l.file_id, f.name AS file, l.position, l.place_offset, l.place_length, p.id AS payout_id, l.payout, l.paid_on
FROM settlement_line l JOIN settlement_file f ON f.id = l.file_id
LEFT JOIN payout p ON l.origin = 'processor' AND p.account = l.account AND p.currency_id = l.currency_id AND p.identity = l.payout
WHERE l.identity = $1 OR l.reference = $1 OR l.payout = $1
    OR REPLACE(l.reference_list || $2, ':' || $1 || $2, '') <> l.reference_list || $2 ORDER BY l.id
