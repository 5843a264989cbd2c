SELECT l.key FROM unnest(CAST($1 AS BYTEA[])) k(key) CROSS JOIN LATERAL (SELECT r.key FROM settlement_line_received r WHERE r.key = k.key LIMIT 1) l
