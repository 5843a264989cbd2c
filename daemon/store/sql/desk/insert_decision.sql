INSERT INTO decision (proposal_id, verdict, proposed_by, decided_by, decided_at, why) VALUES ($1, $2, $3, $4, $5, $6)
