SELECT e.id, e.entity_id, p.code AS period FROM entry e JOIN period p ON p.id = e.period_id
WHERE e.id >= $1 AND e.id <= $2
    AND NOT EXISTS (SELECT 1 FROM document d WHERE d.entry_id = e.id AND d.entry_id >= $1 AND d.entry_id <= $2)
ORDER BY e.id
