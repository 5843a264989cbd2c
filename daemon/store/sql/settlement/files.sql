SELECT id, hash, name, format, format_version, options FROM settlement_file ORDER BY id
