SELECT p.id, p.kind, p.subject, p.seen, p.payload, p.why, p.eyes, p.role, p.proposed_by, p.proposed_at,
    d.verdict, d.decided_by, d.decided_at, d.why AS decided_why
FROM proposal p LEFT JOIN decision d ON d.proposal_id = p.id
WHERE ($1 = 0 OR p.id = $1) ORDER BY p.id
