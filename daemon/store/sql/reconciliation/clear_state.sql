DELETE FROM reconciliation_state WHERE reconciliation = $1
