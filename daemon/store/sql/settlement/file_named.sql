SELECT CAST(COUNT(*) AS BIGINT) FROM settlement_file WHERE name = $1
