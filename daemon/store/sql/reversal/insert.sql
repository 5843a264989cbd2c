INSERT INTO reversal (entry_id, reverses, part) VALUES ($1, $2, $3)
