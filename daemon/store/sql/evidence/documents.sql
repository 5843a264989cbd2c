SELECT d.entry_id, en.code AS entity, d.fiscal_year, d.number FROM document d JOIN entity en ON en.id = d.entity_id
WHERE d.entry_id > $1 AND d.entry_id <= $2 ORDER BY d.entry_id
