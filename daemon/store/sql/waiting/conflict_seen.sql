SELECT r.content_hash, CAST(CASE WHEN EXISTS (
    SELECT 1 FROM accepted_conflict a WHERE a.subject = CAST(r.id AS TEXT))
    THEN 1 ELSE 0 END AS BIGINT) AS accepted
FROM repetition r WHERE r.id = $1 AND r.kind = 2
