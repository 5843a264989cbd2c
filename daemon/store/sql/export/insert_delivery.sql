INSERT INTO delivery (batch_id, attempt, kind, message, attempted_at, attempted_by)
VALUES ($1, (SELECT COALESCE(MAX(attempt), 0) + 1 FROM delivery WHERE batch_id = $1), $2, $3, $4, $5) RETURNING attempt
