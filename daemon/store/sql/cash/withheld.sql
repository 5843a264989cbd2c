-- What customers paid and what was withheld from it, by processor, month and currency.
SELECT account, substr(CAST(booked_on AS TEXT), 1, 7) AS month, currency_id,
    CAST(SUM(CASE movement WHEN 1 THEN gross ELSE 0 END) AS BIGINT) AS charged, CAST(SUM(CASE WHEN movement IN (5, 12) THEN 0 ELSE fee END) AS BIGINT) AS fee,
    COUNT(CASE movement WHEN 1 THEN 1 END) AS charges
FROM counted_line WHERE origin = 'processor' AND ($1 = '' OR account = $1)
GROUP BY account, substr(CAST(booked_on AS TEXT), 1, 7), currency_id ORDER BY account, month, currency_id
