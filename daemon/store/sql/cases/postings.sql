-- What was posted about one break, each with whether an entry of it stands.
SELECT p.proposal_id, p.case_id, p.event_id, p.first_entry, p.entries, p.amount, COALESCE(r.name, '') AS rule, p.standing
FROM break_posting_now p JOIN outcome o ON o.event_id = p.event_id LEFT JOIN rule r ON r.id = o.rule_id
WHERE p.case_id = $1 ORDER BY p.proposal_id
