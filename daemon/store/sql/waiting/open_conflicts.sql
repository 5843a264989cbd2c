SELECT CAST(COUNT(*) AS BIGINT) FROM repetition r
WHERE r.kind = 2 AND NOT EXISTS (
    SELECT 1 FROM proposal a WHERE a.kind = 'conflict-accept' AND a.subject = CAST(r.id AS TEXT)
        AND (a.eyes = 2 OR EXISTS (SELECT 1 FROM decision d WHERE d.proposal_id = a.id AND d.verdict = 'approved')))
