SELECT key FROM settlement_line_received WHERE key = ANY(CAST($1 AS BYTEA[]))
