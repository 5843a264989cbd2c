SELECT t.name AS target, en.code AS entity, p.code AS period, d.currency_id, CAST(COUNT(*) AS BIGINT) AS documents,
    CAST(SUM(d.debit) AS BIGINT) AS debit,
    CAST(SUM(CASE d.state WHEN 2 THEN 1 ELSE 0 END) AS BIGINT) AS read_documents,
    CAST(SUM(CASE d.state WHEN 2 THEN d.debit ELSE 0 END) AS BIGINT) AS read_debit,
    CAST(SUM(CASE d.state WHEN 6 THEN 1 ELSE 0 END) AS BIGINT) AS differing
FROM document_state d JOIN target t ON t.id = d.target_id JOIN entry e ON e.id = d.entry_id
JOIN entity en ON en.id = e.entity_id JOIN period p ON p.id = e.period_id
WHERE COALESCE(d.state, 0) <> 5
GROUP BY t.name, en.code, p.code, d.currency_id ORDER BY t.name, en.code, p.code, d.currency_id
