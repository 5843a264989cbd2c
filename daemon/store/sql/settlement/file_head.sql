SELECT raw FROM settlement_file WHERE id = $1
