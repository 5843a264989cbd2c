SELECT (SELECT CAST(COALESCE(MAX(id), 0) + 1 AS BIGINT) FROM batch) AS id,
    (SELECT CAST(COALESCE(MAX(number), 0) + 1 AS BIGINT) FROM batch WHERE target_id = $1) AS number
