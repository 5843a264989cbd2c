SELECT side, item_kind, item_id, item_sub FROM match_item WHERE reconciliation = $1
