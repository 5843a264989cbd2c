SELECT l.entry_id, l.line_no, en.code AS entity, l.side, l.amount, l.currency_id, e.reference,
    e.accounting_on, t.name AS event_type, d.content AS dimensions
FROM line l
JOIN account a ON a.id = l.account_id
JOIN entry e ON e.id = l.entry_id
JOIN entity en ON en.id = e.entity_id
JOIN event ev ON ev.id = e.event_id
JOIN event_type t ON t.id = ev.event_type_id
LEFT JOIN dimension_set d ON d.id = l.dimension_set_id
WHERE a.name = $1
    -- An entry that was taken back and the one that takes it back are nothing to look for any more.
    AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.reverses = e.id OR (c.entry_id = e.id AND c.reverses IS NOT NULL))
ORDER BY l.entry_id, l.line_no
