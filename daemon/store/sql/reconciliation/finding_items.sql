SELECT finding_id, item_kind, item_id, item_sub FROM finding_item ORDER BY finding_id, position
