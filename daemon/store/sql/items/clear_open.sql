DELETE FROM open_item WHERE reconciliation = $1
