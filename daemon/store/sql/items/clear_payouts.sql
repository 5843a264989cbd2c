DELETE FROM payout_sum WHERE reconciliation = $1
