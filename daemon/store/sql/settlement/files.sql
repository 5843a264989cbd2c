SELECT id, hash, name, raw FROM settlement_file ORDER BY id
