-- `lasting`: 1 where it comes from a match, which has its items.
SELECT reconciliation, kind, status, currency_id, age_days, lasting, COUNT(*) AS breaks, CAST(SUM(amount) AS BIGINT) AS amount,
    CAST(SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END) AS BIGINT) AS lacking FROM (
    SELECT f.reconciliation, f.kind, f.currency_id, f.age_days, f.amount, CAST(CASE WHEN f.lasting <> 0 THEN 1 ELSE 0 END AS BIGINT) AS lasting,
        COALESCE((SELECT CASE WHEN d.deed IN ('resolved', 'written-off') THEN d.deed
                WHEN d.deed = 'accepted' AND d.until_on >= COALESCE(s.as_of_on, d.until_on) THEN 'accepted' END
            FROM case_deed d WHERE d.case_id = f.id AND d.deed NOT IN ('assigned', 'commented', 'attached', 'explained')
            ORDER BY d.number DESC LIMIT 1), f.status) AS status FROM finding f
        LEFT JOIN (SELECT reconciliation, MAX(as_of_on) AS as_of_on FROM reconciliation_state GROUP BY reconciliation) s ON s.reconciliation = f.reconciliation) AS found
GROUP BY reconciliation, kind, status, currency_id, age_days, lasting ORDER BY reconciliation, currency_id, kind, status, age_days, lasting
