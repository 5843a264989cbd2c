SELECT CAST(COALESCE((SELECT MAX(id) FROM event), 0) AS BIGINT) AS event,
    CAST(COALESCE((SELECT MAX(id) FROM entry), 0) AS BIGINT) AS entry,
    (SELECT hash FROM posting_batch WHERE id = $1) AS head,
    w.record_head, (SELECT hash FROM record_link WHERE id = w.record) AS last_record
FROM writer w WHERE w.id = 1
