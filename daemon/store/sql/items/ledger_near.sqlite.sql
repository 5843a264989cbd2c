-- The order of the joins is said: names first, however few or many the planner takes them for.
SELECT l.entry_id, l.line_no, e.entity_id, l.side, l.amount, l.currency_id, e.reference, e.accounting_on, ev.event_type_id
FROM (SELECT DISTINCT n.match_id FROM json_each($4) a CROSS JOIN matched_name n ON n.reconciliation = $2 AND n.name = a.value) f CROSS JOIN match_item i ON i.match_id = f.match_id AND i.side = $3 AND i.item_kind = 1
CROSS JOIN line l ON l.entry_id = i.item_id AND l.line_no = i.item_sub JOIN entry e ON e.id = l.entry_id
JOIN event ev ON ev.id = e.event_id
WHERE l.account_id IN (SELECT id FROM account WHERE name = $1 UNION SELECT account_id FROM account_label WHERE name = $1)
ORDER BY l.entry_id, l.line_no
