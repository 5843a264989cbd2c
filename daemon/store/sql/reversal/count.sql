SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM reversal WHERE reverses = $1),
    (SELECT CAST(COUNT(*) AS BIGINT) FROM correction WHERE reverses = $1)
