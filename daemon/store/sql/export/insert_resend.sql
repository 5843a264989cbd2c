INSERT INTO batch_resend (batch_id, attempt, why, decided_at, decided_by) VALUES ($1, $2, $3, $4, $5)
