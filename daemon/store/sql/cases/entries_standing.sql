-- The entries of a posting that stand: as they were made, or as they were corrected since.
SELECT e.id FROM (
    SELECT e.id FROM entry e JOIN break_posting p ON e.id >= p.first_entry AND e.id < p.first_entry + p.entries WHERE p.proposal_id = $1
    UNION ALL
    SELECT c.entry_id FROM correction c JOIN break_posting p ON p.event_id = c.event_id WHERE p.proposal_id = $1 AND c.reverses IS NULL) e
WHERE NOT EXISTS (SELECT 1 FROM correction c WHERE c.reverses = e.id) ORDER BY e.id
