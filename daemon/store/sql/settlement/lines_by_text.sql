SELECT l.id, l.origin, l.account, l.identity, l.kind, l.reference, l.payout, l.currency_id, l.gross, l.fee, l.net,
    l.booked_on, l.paid_on, l.description, f.name AS file, l.position
FROM settlement_line l JOIN settlement_file f ON f.id = l.file_id
WHERE l.identity = $1 OR l.reference = $1 OR l.payout = $1 ORDER BY l.id
