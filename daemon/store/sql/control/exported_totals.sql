SELECT t.name AS target, en.code AS entity, p.code AS period, l.currency_id, CAST(COUNT(DISTINCT e.id) AS BIGINT) AS entries,
    CAST(SUM(CASE l.side WHEN 1 THEN l.amount ELSE 0 END) AS BIGINT) AS debit,
    CAST(SUM(CASE l.side WHEN 2 THEN l.amount ELSE 0 END) AS BIGINT) AS credit
FROM batch_range r JOIN target t ON t.id = r.target_id
JOIN entry e ON e.id BETWEEN r.first_entry AND r.last_entry JOIN line l ON l.entry_id = e.id
JOIN entity en ON en.id = e.entity_id JOIN period p ON p.id = e.period_id
WHERE NOT EXISTS (SELECT 1 FROM batch_release x WHERE x.batch_id = r.batch_id)
    AND NOT EXISTS (SELECT 1 FROM batch_held h WHERE h.batch_id = r.batch_id AND h.entry_id = e.id)
    AND (r.partial IS NULL OR EXISTS (SELECT 1 FROM batch_taken k WHERE k.batch_id = r.batch_id AND k.entry_id = e.id))
GROUP BY t.name, en.code, p.code, l.currency_id ORDER BY t.name, en.code, p.code, l.currency_id
