SELECT m.id, m.pass FROM match_item i JOIN reconciliation_match m ON m.id = i.match_id
WHERE i.reconciliation = $1 AND i.side IN ('left', 'right') AND i.item_kind = $2 AND i.item_id = $3 AND i.item_sub = $4 ORDER BY m.id
