SELECT side, item_kind, item_id, item_sub FROM open_item WHERE reconciliation = $1
