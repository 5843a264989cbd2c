SELECT l.id, l.origin, l.account, l.identity, l.movement, l.kind, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net, l.fee_parts,
    l.exact, l.original, l.original_currency_id, l.rate, l.booked_on, l.value_on, l.counterparty, l.description,
    l.file_id, f.name AS file, l.position, l.place_offset, l.place_length, CAST(NULL AS BIGINT) AS payout_id, l.payout, l.paid_on
FROM settlement_line_received l JOIN settlement_file f ON f.id = l.file_id
WHERE l.file_id = $1 AND l.id > $2 AND l.id <= $3 ORDER BY l.id LIMIT $4
