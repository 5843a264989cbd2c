SELECT side, item FROM match_item WHERE reconciliation = $1
