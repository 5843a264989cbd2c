SELECT reconciliation, currency_id, movement, left_total, right_total, left_open, right_open, breaks
FROM reconciliation_cash ORDER BY reconciliation, currency_id, movement
