SELECT l.id, l.account, l.identity, l.movement, l.reference, l.reference_list, l.currency_id, l.gross, l.fee, l.net,
    l.original, l.original_currency_id, l.booked_on, l.paid_on,
    l.payout, l.counterparty, l.description
FROM (SELECT DISTINCT n.match_id FROM jsonb_array_elements_text(CAST($5 AS JSONB)) a (value) JOIN matched_name n ON n.reconciliation = $3 AND n.name = CAST(a.value AS BIGINT)) f JOIN match_item i ON i.match_id = f.match_id AND i.side = $4 AND i.item_kind IN (2, 3)
JOIN settlement_line l ON l.id = i.item_id
WHERE l.origin = $1 AND ($2 = '' OR l.account = $2) ORDER BY l.id
