WITH accepted AS (
    SELECT p.subject FROM proposal p WHERE p.kind = 'conflict-accept'
        AND (p.eyes = 2 OR EXISTS (SELECT 1 FROM decision d WHERE d.proposal_id = p.id AND d.verdict = 'approved'))
)
SELECT CAST(COUNT(*) AS BIGINT) FROM repetition r
WHERE r.kind = 2 AND CAST(r.id AS TEXT) NOT IN (SELECT subject FROM accepted)
