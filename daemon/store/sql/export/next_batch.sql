SELECT (SELECT CAST(COALESCE(MAX(batch_id), 0) + 1 AS BIGINT) FROM batch_range) AS id,
    (SELECT CAST(COALESCE(MAX(number), 0) + 1 AS BIGINT) FROM batch_range WHERE target_id = $1) AS number
