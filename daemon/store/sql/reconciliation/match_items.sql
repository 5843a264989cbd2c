SELECT match_id, side, item_kind, item_id, item_sub, amount FROM match_item
WHERE reconciliation = $1 ORDER BY match_id, side, item_kind, item_id, item_sub
