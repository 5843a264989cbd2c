SELECT (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM event) AS event,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM entry) AS entry,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM repetition) AS repetition,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM quarantine) AS quarantine,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM posting_batch) AS batch
