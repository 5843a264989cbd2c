INSERT INTO delivery (batch_id, attempt, kind, message, attempted_at, attempted_by) VALUES ($1, $2, $3, $4, $5, $6)
