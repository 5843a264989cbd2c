SELECT m.reconciliation, m.pass, o.side, o.item, o.amount, m.currency_id
FROM match_item i JOIN reconciliation_match m ON m.id = i.match_id JOIN match_item o ON o.match_id = m.id
WHERE i.item = $1 ORDER BY m.id, o.side, o.item
