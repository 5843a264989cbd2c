SELECT id FROM settlement_file WHERE hash = $1
