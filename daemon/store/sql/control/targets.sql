SELECT t.name AS target, t.kind,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM entry) AS posted,
    (SELECT CAST(COALESCE(SUM(s.entries), 0) AS BIGINT) FROM batch_state s WHERE s.target_id = t.id
        AND COALESCE(s.state, 0) <> 5) AS exported,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM batch b WHERE b.target_id = t.id) AS batches
FROM target t ORDER BY t.name
