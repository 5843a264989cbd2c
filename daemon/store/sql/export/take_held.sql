INSERT INTO batch_taken (id, batch_id, entry_id)
SELECT $3 + ROW_NUMBER() OVER (ORDER BY h.entry_id), CAST($1 AS BIGINT), h.entry_id FROM batch_held h WHERE h.batch_id = $2 AND h.own = 1
