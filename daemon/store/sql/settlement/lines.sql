SELECT l.id, l.origin, l.account, l.identity, l.movement, l.kind, l.reference, l.payout, p.id AS payout_id, l.currency_id, l.gross, l.fee, l.net,
    l.booked_on, l.paid_on, l.description, l.file_id, f.name AS file, l.position
FROM settlement_line l JOIN settlement_file f ON f.id = l.file_id
LEFT JOIN payout p ON l.origin = 'processor' AND p.account = l.account AND p.identity = l.payout AND p.currency_id = l.currency_id
WHERE l.origin = $1 ORDER BY l.id
