SELECT a.attempt, b.begun_at, b.begun_by, d.kind, d.message, d.attempted_at, d.attempted_by
FROM (SELECT attempt FROM delivery WHERE batch_id = $1 UNION SELECT attempt FROM delivery_begun WHERE batch_id = $1) a
LEFT JOIN delivery d ON d.batch_id = $1 AND d.attempt = a.attempt
LEFT JOIN delivery_begun b ON b.batch_id = $1 AND b.attempt = a.attempt
ORDER BY a.attempt
