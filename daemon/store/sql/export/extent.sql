SELECT (SELECT CAST(COALESCE(MAX(ends), 0) AS BIGINT) FROM batch_range WHERE target_id = $1) AS ends,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM entry) AS last
