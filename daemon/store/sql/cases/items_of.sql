SELECT item_kind, item_id, item_sub FROM finding_item WHERE finding_id = $1 ORDER BY position
