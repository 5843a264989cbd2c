DELETE FROM finding WHERE reconciliation = $1 AND lasting = 0
