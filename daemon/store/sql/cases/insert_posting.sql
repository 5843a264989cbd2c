INSERT INTO break_posting (proposal_id, case_id, event_id, first_entry, entries, amount) VALUES ($1, $2, $3, $4, $5, $6)
