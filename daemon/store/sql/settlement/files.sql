SELECT id, hash, name, format, format_version, options, raw FROM settlement_file ORDER BY id
