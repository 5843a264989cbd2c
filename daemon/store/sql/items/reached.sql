SELECT (SELECT entry FROM writer) AS entry_id,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM settlement_line_received) AS line_id,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM settlement_completion) AS completion_id,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM statement) AS statement_id,
    (SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM match_undone) AS undone_id
