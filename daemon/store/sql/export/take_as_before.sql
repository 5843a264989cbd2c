INSERT INTO batch_taken (id, batch_id, entry_id)
SELECT $3 + ROW_NUMBER() OVER (ORDER BY t.entry_id), CAST($1 AS BIGINT), t.entry_id FROM batch_taken t WHERE t.batch_id = $2
