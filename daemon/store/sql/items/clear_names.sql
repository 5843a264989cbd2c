DELETE FROM matched_name WHERE reconciliation = $1
