SELECT match_id, side, item_kind, item_id, item_sub, amount FROM match_item_made
WHERE match_id = $1 ORDER BY side, item_kind, item_id, item_sub
