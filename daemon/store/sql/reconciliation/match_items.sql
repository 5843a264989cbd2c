SELECT match_id, side, item, amount FROM match_item WHERE reconciliation = $1 ORDER BY match_id, side, item
