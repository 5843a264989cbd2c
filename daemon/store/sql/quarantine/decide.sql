INSERT INTO quarantine_decision (quarantine_id, kind, why, decided_at, decided_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (quarantine_id) DO NOTHING
