SELECT key FROM settlement_line WHERE key IN (SELECT unhex(value) FROM json_each($1))
