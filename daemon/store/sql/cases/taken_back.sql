-- Events that ended a break until somebody took them back.
SELECT p.event_id FROM break_posting_now p WHERE NOT p.standing
    AND EXISTS (SELECT 1 FROM case_deed d WHERE d.case_id = p.case_id AND d.deed = 'reopened' AND d.proposal_id > p.proposal_id)
ORDER BY p.event_id
