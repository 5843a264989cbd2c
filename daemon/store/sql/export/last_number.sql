SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM batch_range WHERE target_id = $1
