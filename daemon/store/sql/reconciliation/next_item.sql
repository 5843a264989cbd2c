SELECT CAST(COALESCE(MAX(serial), 0) + 1 AS BIGINT) FROM match_item_made
