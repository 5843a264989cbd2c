SELECT t.name AS target, d.batch_id, d.state, CAST(SUM(d.entries) AS BIGINT) AS entries
FROM document_state d JOIN target t ON t.id = d.target_id
WHERE COALESCE(d.state, 0) <> 5 GROUP BY t.name, d.batch_id, d.state ORDER BY t.name, d.batch_id, d.state
