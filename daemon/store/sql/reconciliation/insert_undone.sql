INSERT INTO match_undone (id, match_id, reconciliation, proposal_id, why, undone_at, undone_by)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM match_undone), $1, $2, $3, $4, $5, $6) RETURNING id
