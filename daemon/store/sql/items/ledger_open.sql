SELECT l.entry_id, l.line_no, e.entity_id, l.side, l.amount, l.currency_id, e.reference, e.accounting_on, ev.event_type_id
FROM open_item i CROSS JOIN line l JOIN entry e ON e.id = l.entry_id
JOIN event ev ON ev.id = e.event_id
WHERE l.entry_id = i.item_id AND l.line_no = i.item_sub AND i.reconciliation = $2 AND i.side = $3 AND i.item_kind = 1
    AND l.account_id IN (SELECT id FROM account WHERE name = $1 UNION SELECT account_id FROM account_label WHERE name = $1)
    -- An entry that was taken back and the one that takes it back are nothing to look for any more.
    AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.reverses = e.id OR (c.entry_id = e.id AND c.reverses IS NOT NULL))
    AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.reverses = e.id AND r.part = 'rest'
        AND NOT EXISTS (SELECT 1 FROM reversal o WHERE o.reverses = e.id AND o.entry_id <> r.entry_id))
    AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.entry_id = e.id AND r.part = 'rest'
        AND NOT EXISTS (SELECT 1 FROM reversal o WHERE o.reverses = r.reverses AND o.entry_id <> r.entry_id))
ORDER BY l.entry_id, l.line_no
