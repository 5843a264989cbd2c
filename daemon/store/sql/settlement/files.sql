SELECT id, hash, name, format, raw FROM settlement_file ORDER BY id
