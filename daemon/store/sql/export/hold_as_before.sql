INSERT INTO batch_held (id, batch_id, entry_id, own, why)
SELECT $3 + ROW_NUMBER() OVER (ORDER BY h.entry_id), CAST($1 AS BIGINT), h.entry_id, 0, h.why FROM batch_held h
WHERE h.batch_id = $2 AND (h.own = 0 OR EXISTS (SELECT 1 FROM batch_range n WHERE n.supplements = $2))
