SELECT CAST(COUNT(*) AS BIGINT) FROM match_item WHERE item >= $1 AND item < $2
