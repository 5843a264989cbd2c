INSERT INTO delivery_begun (batch_id, attempt, begun_at, begun_by)
SELECT CAST($1 AS BIGINT), 1 + COALESCE((SELECT MAX(a.attempt) FROM (SELECT attempt FROM delivery WHERE batch_id = $1
    UNION ALL SELECT attempt FROM delivery_begun WHERE batch_id = $1) a), 0), $2, $3 RETURNING attempt
