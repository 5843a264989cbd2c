-- Deeds that take a decision, without the proposal that they come from: one person's, or approved by another.
SELECT d.case_id, d.number, d.deed FROM case_deed d
LEFT JOIN proposal p ON p.id = d.proposal_id AND p.subject = d.case_id
    AND (d.deed <> 'resolved' OR p.kind IN ('break-resolve', 'break-post')) AND (d.deed <> 'written-off' OR p.kind = 'write-off')
    AND (d.deed <> 'accepted' OR p.kind = 'break-accept')
LEFT JOIN decision v ON v.proposal_id = p.id
WHERE d.deed IN ('resolved', 'written-off', 'accepted')
    AND (p.id IS NULL OR (p.eyes = 4 AND (v.verdict IS NULL OR v.verdict <> 'approved')))
ORDER BY d.case_id, d.number
