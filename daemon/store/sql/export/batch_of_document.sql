SELECT d.batch_id FROM batch_document d JOIN batch_state s ON s.batch_id = d.batch_id
WHERE d.number = $2 AND s.target_id = $1 AND COALESCE(s.state, 0) <> 5 ORDER BY s.number DESC LIMIT 1
