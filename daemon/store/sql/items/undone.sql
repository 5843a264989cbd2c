SELECT CAST(COUNT(*) AS BIGINT) FROM match_undone WHERE reconciliation = $1 AND id > $2
