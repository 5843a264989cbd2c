SELECT account, currency_id, booked_on, CAST(SUM(net) AS BIGINT) AS amount, COUNT(*) AS lines
FROM counted_line WHERE origin = 'bank' GROUP BY account, currency_id, booked_on ORDER BY account, currency_id, booked_on
