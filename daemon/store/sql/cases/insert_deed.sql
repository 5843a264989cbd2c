INSERT INTO case_deed (case_id, number, deed, actor, done_at, why, assignee, amount, proposal_id, serial, until_on)
VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM case_deed WHERE case_id = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10)
