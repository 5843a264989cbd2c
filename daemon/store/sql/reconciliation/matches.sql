SELECT id, reconciliation, pass, currency_id, left_amount, right_amount, explanation
FROM reconciliation_match WHERE reconciliation = $1 ORDER BY id
