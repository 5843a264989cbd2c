SELECT t.name AS target, t.kind,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM entry) AS posted,
    (SELECT CAST(COALESCE(SUM(r.last_entry - r.first_entry + 1), 0) AS BIGINT) FROM batch_range r WHERE r.target_id = t.id
        AND NOT EXISTS (SELECT 1 FROM batch_release x WHERE x.batch_id = r.batch_id)) AS exported,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM batch b WHERE b.target_id = t.id) AS batches
FROM target t ORDER BY t.name
