INSERT INTO delivery_begun (batch_id, attempt, begun_at, begun_by)
SELECT CAST($1 AS BIGINT), 1 + MAX((SELECT COALESCE(MAX(attempt), 0) FROM delivery WHERE batch_id = $1),
    (SELECT COALESCE(MAX(attempt), 0) FROM delivery_begun WHERE batch_id = $1)), $2, $3 RETURNING attempt
