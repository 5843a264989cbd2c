SELECT en.code AS entity, p.code AS period, l.currency_id, CAST(SUM(CASE l.side WHEN 1 THEN l.amount ELSE 0 END) AS BIGINT) AS debit,
    CAST(SUM(CASE l.side WHEN 1 THEN 0 ELSE l.amount END) AS BIGINT) AS credit, COUNT(*) AS lines
FROM line l JOIN entry e ON e.id = l.entry_id JOIN entity en ON en.id = e.entity_id JOIN period p ON p.id = e.period_id
WHERE l.account_id IN (SELECT id FROM account WHERE name = $1 UNION SELECT account_id FROM account_label WHERE name = $1)
GROUP BY en.code, p.code, l.currency_id ORDER BY en.code, l.currency_id, p.code
