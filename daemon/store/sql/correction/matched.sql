SELECT CAST(COUNT(*) AS BIGINT) FROM match_item WHERE item_kind = $1 AND item_id = $2
