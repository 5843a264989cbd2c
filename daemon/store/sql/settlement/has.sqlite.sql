SELECT key FROM settlement_line_received WHERE key IN (SELECT unhex(value) FROM json_each($1))
