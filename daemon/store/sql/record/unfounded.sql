-- Deeds that take a decision, without the proposal that they come from.
SELECT d.case_id, d.number, d.deed FROM case_deed d
WHERE d.deed IN ('resolved', 'written-off', 'accepted', 'reopened') AND NOT EXISTS (
    SELECT 1 FROM carried_out p WHERE p.id = d.proposal_id AND p.subject = d.case_id
        AND (d.deed <> 'resolved' OR p.kind IN ('break-resolve', 'break-post')) AND (d.deed <> 'written-off' OR p.kind = 'write-off')
        AND (d.deed <> 'accepted' OR p.kind = 'break-accept') AND (d.deed <> 'reopened' OR p.kind = 'break-reopen'))
ORDER BY d.case_id, d.number
