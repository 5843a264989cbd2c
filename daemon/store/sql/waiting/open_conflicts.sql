SELECT CAST(COUNT(*) AS BIGINT) FROM repetition r
WHERE r.kind = 2 AND CAST(r.id AS TEXT) NOT IN (SELECT subject FROM accepted_conflict)
