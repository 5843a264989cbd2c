SELECT (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM settlement_file) AS file,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM statement) AS statement,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM settlement_line_received) AS line,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM payout) AS payout,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM settlement_repeat) AS repeat,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM settlement_completion) AS completion,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM settlement_conflict) AS conflict,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM statement_supersession) AS supersession
