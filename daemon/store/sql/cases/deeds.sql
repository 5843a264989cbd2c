SELECT number, deed, actor, done_at, why, assignee, amount, proposal_id FROM case_deed WHERE case_id = $1 ORDER BY number
