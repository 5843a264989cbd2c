SELECT t.name AS target, en.code AS entity, p.code AS period, l.currency_id, CAST(COUNT(DISTINCT e.id) AS BIGINT) AS entries,
    CAST(SUM(CASE l.side WHEN 1 THEN l.amount ELSE 0 END) AS BIGINT) AS debit,
    CAST(SUM(CASE l.side WHEN 2 THEN l.amount ELSE 0 END) AS BIGINT) AS credit
FROM batch_entry be JOIN target t ON t.id = be.target_id
JOIN line l ON l.entry_id = be.entry_id JOIN entry e ON e.id = l.entry_id
JOIN entity en ON en.id = e.entity_id JOIN period p ON p.id = e.period_id
GROUP BY t.name, en.code, p.code, l.currency_id ORDER BY t.name, en.code, p.code, l.currency_id
