SELECT e.id, d.number, e.hash FROM document d JOIN entry e ON e.id = d.entry_id JOIN period p ON p.id = e.period_id
JOIN entity en ON en.id = p.entity_id
WHERE en.code = $1 AND p.code = $2 AND e.id > $3 ORDER BY e.id LIMIT $4
