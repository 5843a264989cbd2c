SELECT id, amount, lasting <> 0 AS lasting FROM finding WHERE reconciliation = $1
