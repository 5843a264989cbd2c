DELETE FROM matched_sum WHERE reconciliation = $1
