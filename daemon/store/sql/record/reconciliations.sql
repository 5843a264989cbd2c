-- A run leaves at least one of these.
SELECT reconciliation FROM finding UNION SELECT reconciliation FROM reconciliation_state
UNION SELECT reconciliation FROM reconciliation_cash ORDER BY reconciliation
