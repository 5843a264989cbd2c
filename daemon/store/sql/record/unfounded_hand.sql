-- Matches by hand, matches that were taken back, and postings of breaks, without the proposal that they come from.
SELECT 'reconciliation_match' AS kind, m.id AS id FROM reconciliation_match_made m
LEFT JOIN proposal p ON p.id = m.proposal_id AND p.kind = 'match'
LEFT JOIN decision v ON v.proposal_id = p.id
WHERE m.proposal_id IS NOT NULL AND (p.id IS NULL OR (p.eyes = 4 AND (v.verdict IS NULL OR v.verdict <> 'approved')))
UNION ALL
SELECT 'match_undone', u.id FROM match_undone u
LEFT JOIN proposal p ON p.id = u.proposal_id AND p.kind = 'match-undo' AND p.subject = 'match:' || CAST(u.match_id AS TEXT)
LEFT JOIN decision v ON v.proposal_id = p.id
WHERE p.id IS NULL OR (p.eyes = 4 AND (v.verdict IS NULL OR v.verdict <> 'approved'))
UNION ALL
SELECT 'break_posting', b.proposal_id FROM break_posting b
LEFT JOIN proposal p ON p.id = b.proposal_id AND p.kind IN ('break-post', 'write-off') AND p.subject = b.case_id
LEFT JOIN decision v ON v.proposal_id = p.id
WHERE p.id IS NULL OR (p.eyes = 4 AND (v.verdict IS NULL OR v.verdict <> 'approved'))
ORDER BY 1, 2
