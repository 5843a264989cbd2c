INSERT INTO settlement_file (id, hash, name, format, format_version, options, source, kept, received_at, received_by, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
