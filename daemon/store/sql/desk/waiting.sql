SELECT p.id FROM proposal p
WHERE p.kind = $1 AND p.subject = $2 AND p.eyes = 4
    AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.proposal_id = p.id)
ORDER BY p.id LIMIT 1
