SELECT number, deed, actor, done_at, why, assignee, amount, proposal_id, until_on FROM case_deed WHERE case_id = $1 ORDER BY number
