SELECT id, hash, name, format, format_version, options, source, kept FROM settlement_file ORDER BY id
