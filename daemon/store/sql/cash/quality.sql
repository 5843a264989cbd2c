-- How much each pass matched: amounts without their signs, so that a refund takes nothing from a charge.
SELECT m.reconciliation, m.pass, m.currency_id, COUNT(*) AS matches, CAST(SUM(ABS(m.left_amount)) AS BIGINT) AS left_amount,
    CAST(SUM(ABS(m.right_amount)) AS BIGINT) AS right_amount, CAST(SUM(m.left_amount - m.right_amount) AS BIGINT) AS difference,
    COUNT(CASE WHEN m.left_amount = m.right_amount THEN 1 END) AS exact
FROM reconciliation_match m GROUP BY m.reconciliation, m.pass, m.currency_id ORDER BY m.reconciliation, m.currency_id, MIN(m.id)
