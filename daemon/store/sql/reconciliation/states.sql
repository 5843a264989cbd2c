SELECT reconciliation, account, currency_id, left_total, right_total, left_matched, right_matched, left_pending, right_pending, breaks, as_of_on
FROM reconciliation_state ORDER BY reconciliation, account, currency_id
