UPDATE outcome SET kind = $2, rule_id = $3, reason = $4, decided_at = $5 WHERE event_id = $1 AND (kind = 3 OR (kind = 2 AND $2 = 1))
