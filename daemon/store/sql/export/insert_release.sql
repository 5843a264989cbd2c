INSERT INTO batch_release (batch_id, why, decided_at, decided_by) VALUES ($1, $2, $3, $4)
