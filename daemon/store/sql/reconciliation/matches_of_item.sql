SELECT m.reconciliation, m.pass, o.side, o.item_kind, o.item_id, o.item_sub, o.amount, m.currency_id
FROM match_item i JOIN reconciliation_match m ON m.id = i.match_id JOIN match_item o ON o.match_id = m.id
WHERE i.item_kind = $1 AND i.item_id = $2 AND i.item_sub = $3
ORDER BY m.id, o.side, o.item_kind, o.item_id, o.item_sub
