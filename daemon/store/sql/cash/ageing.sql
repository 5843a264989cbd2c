SELECT reconciliation, kind, status, currency_id, age_days, COUNT(*) AS breaks, CAST(SUM(amount) AS BIGINT) AS amount FROM (
    SELECT f.reconciliation, f.kind, f.currency_id, f.age_days, f.amount,
        COALESCE((SELECT CASE WHEN d.deed IN ('resolved', 'written-off') THEN d.deed END
            FROM case_deed d WHERE d.case_id = f.id AND d.deed NOT IN ('assigned', 'commented', 'explained')
            ORDER BY d.number DESC LIMIT 1), f.status) AS status FROM finding f) AS found
GROUP BY reconciliation, kind, status, currency_id, age_days ORDER BY reconciliation, currency_id, kind, status, age_days
