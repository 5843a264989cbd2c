-- Matches by hand, matches that were taken back, and postings of breaks, without the proposal that they come from.
SELECT 'reconciliation_match' AS kind, m.id AS id FROM reconciliation_match_made m
WHERE m.proposal_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM carried_out p WHERE p.id = m.proposal_id AND p.kind = 'match'
    AND SUBSTR(p.subject, 1, LENGTH(m.reconciliation) + 1) = m.reconciliation || ' ')
UNION ALL
SELECT 'match_undone', u.id FROM match_undone u
WHERE NOT EXISTS (SELECT 1 FROM carried_out p WHERE p.id = u.proposal_id AND p.kind = 'match-undo'
    AND p.subject = 'match:' || CAST(u.match_id AS TEXT))
UNION ALL
SELECT 'break_posting', b.proposal_id FROM break_posting b
WHERE NOT EXISTS (SELECT 1 FROM carried_out p WHERE p.id = b.proposal_id AND p.kind IN ('break-post', 'write-off') AND p.subject = b.case_id)
ORDER BY 1, 2
