SELECT t.name AS target, t.kind,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM entry) AS posted,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM batch_entry be WHERE be.target_id = t.id) AS exported,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM batch b WHERE b.target_id = t.id) AS batches
FROM target t ORDER BY t.name
