UPDATE outcome SET kind = 1, rule_id = $2, reason = NULL, decided_at = $3 WHERE event_id = $1 AND kind = 2
