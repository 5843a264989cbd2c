SELECT d.done_on, m.currency_id, CAST(SUM(m.left_amount) AS BIGINT) AS left_amount, CAST(SUM(m.right_amount) AS BIGINT) AS right_amount
FROM reconciliation_match m JOIN match_day d ON d.match_id = m.id AND d.reconciliation = $1 WHERE m.reconciliation = $1
GROUP BY d.done_on, m.currency_id ORDER BY d.done_on, m.currency_id
