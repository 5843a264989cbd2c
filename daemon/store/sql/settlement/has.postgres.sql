SELECT key FROM settlement_line WHERE key = ANY(CAST($1 AS BYTEA[]))
