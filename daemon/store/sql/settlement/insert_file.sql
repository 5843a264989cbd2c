INSERT INTO settlement_file (id, hash, name, format, format_version, options, received_at, received_by, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
