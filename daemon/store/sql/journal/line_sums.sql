SELECT en.code AS entity, p.code AS period, a.name AS account, l.currency_id, en.functional_id,
    CAST(SUM(CASE l.side WHEN 1 THEN l.amount ELSE 0 END) AS BIGINT) AS debit,
    CAST(SUM(CASE l.side WHEN 2 THEN l.amount ELSE 0 END) AS BIGINT) AS credit,
    CAST(SUM(CASE l.side WHEN 1 THEN l.functional ELSE 0 END) AS BIGINT) AS functional_debit,
    CAST(SUM(CASE l.side WHEN 2 THEN l.functional ELSE 0 END) AS BIGINT) AS functional_credit
FROM line l
JOIN entry e ON e.id = l.entry_id
JOIN entity en ON en.id = e.entity_id
JOIN period p ON p.id = e.period_id
JOIN account a ON a.id = l.account_id
GROUP BY en.code, p.code, a.code, a.name, l.currency_id, en.functional_id
ORDER BY en.code, p.code, a.code, l.currency_id
