SELECT m.id, m.reconciliation, m.pass, m.currency_id, m.left_amount, m.right_amount, m.explanation, m.proposal_id, u.undone_by
FROM reconciliation_match_made m LEFT JOIN match_undone u ON u.match_id = m.id WHERE m.id = $1
