SELECT r.content_hash, CAST(CASE WHEN EXISTS (
    SELECT 1 FROM proposal a WHERE a.kind = 'conflict-accept' AND a.subject = CAST(r.id AS TEXT)
        AND (a.eyes = 2 OR EXISTS (SELECT 1 FROM decision d WHERE d.proposal_id = a.id AND d.verdict = 'approved')))
    THEN 1 ELSE 0 END AS BIGINT) AS accepted
FROM repetition r WHERE r.id = $1 AND r.kind = 2
