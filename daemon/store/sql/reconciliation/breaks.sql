-- What a person decided last stands before what the run says; to look after something, to speak of it or to
-- explain it decides nothing about the sum. What was accepted until a day is so while the newest run is as of
-- no later one. `state` is how far the case is, for people.
SELECT f.id, f.reconciliation, f.kind,
    COALESCE((SELECT CASE WHEN d.deed IN ('resolved', 'written-off') THEN d.deed
            WHEN d.deed = 'accepted' AND d.until_on >= COALESCE(s.as_of_on, d.until_on) THEN 'accepted' END
        FROM case_deed d WHERE d.case_id = f.id AND d.deed NOT IN ('assigned', 'commented', 'attached', 'explained')
        ORDER BY d.number DESC LIMIT 1), f.status) AS status,
    COALESCE((SELECT CASE WHEN d.deed IN ('explained', 'resolved', 'written-off', 'disputed') THEN d.deed
            WHEN d.deed = 'accepted' AND d.until_on >= COALESCE(s.as_of_on, d.until_on) THEN d.deed END
        FROM case_deed d WHERE d.case_id = f.id AND d.deed NOT IN ('assigned', 'commented', 'attached')
        ORDER BY d.number DESC LIMIT 1), f.status) AS state,
    f.reference, f.account, f.currency_id, f.amount, f.since_on, f.age_days, f.detail, f.lasting <> 0 AS lasting,
    (SELECT d.assignee FROM case_deed d WHERE d.case_id = f.id AND d.deed = 'assigned' ORDER BY d.number DESC LIMIT 1) AS assignee
FROM finding f LEFT JOIN (SELECT reconciliation, MAX(as_of_on) AS as_of_on FROM reconciliation_state GROUP BY reconciliation) s
    ON s.reconciliation = f.reconciliation
ORDER BY f.reconciliation, f.kind, f.account, f.since_on, f.reference, f.id
