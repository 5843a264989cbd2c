SELECT l.entry_id, l.line_no, en.code AS entity, l.side, l.amount, l.currency_id, e.reference,
    e.accounting_on, t.name AS event_type, d.content AS dimensions
FROM line l
JOIN account a ON a.id = l.account_id
JOIN entry e ON e.id = l.entry_id
JOIN entity en ON en.id = e.entity_id
JOIN event ev ON ev.id = e.event_id
JOIN event_type t ON t.id = ev.event_type_id
LEFT JOIN dimension_set d ON d.id = l.dimension_set_id
WHERE a.name = $1 ORDER BY l.entry_id, l.line_no
