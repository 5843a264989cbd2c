DELETE FROM reconciliation_cash WHERE reconciliation = $1
