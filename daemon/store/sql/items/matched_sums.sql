SELECT side, currency_id, movement, amount FROM matched_sum WHERE reconciliation = $1
