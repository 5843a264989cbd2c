-- A clearing account's lines, those that one payout brought together as one group, the others by reference.
SELECT n.code AS entity, g.currency_id, CAST(SUM(g.amount) AS BIGINT) AS amount,
    CAST(SUM(CASE WHEN g.amount <> 0 THEN 1 ELSE 0 END) AS BIGINT) AS open
FROM (SELECT e.entity_id, l.currency_id, COALESCE(
        (SELECT MAX(NULLIF(CASE WHEN s.payout = '' THEN COALESCE(c.payout, '') ELSE s.payout END, ''))
            FROM match_item i JOIN match_item o ON o.match_id = i.match_id AND o.side = 'right' AND o.item_kind = 2
            JOIN settlement_line_received s ON s.id = o.item_id LEFT JOIN settlement_completion c ON c.line_id = s.id
            WHERE i.reconciliation = $2 AND i.side = 'left' AND i.item_kind = 1 AND i.item_id = l.entry_id AND i.item_sub = l.line_no),
        e.reference) AS held, SUM(CASE WHEN l.side = 2 THEN -l.amount ELSE l.amount END) AS amount
    FROM line l JOIN entry e ON e.id = l.entry_id
    WHERE l.account_id IN (SELECT id FROM account WHERE name = $1 UNION SELECT account_id FROM account_label WHERE name = $1)
    -- An entry that was taken back and the one that takes it back are nothing to look for any more.
    AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.reverses = e.id OR (c.entry_id = e.id AND c.reverses IS NOT NULL))
    AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.reverses = e.id AND r.part = 'rest'
        AND NOT EXISTS (SELECT 1 FROM reversal o WHERE o.reverses = e.id AND o.entry_id <> r.entry_id))
    AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.entry_id = e.id AND r.part = 'rest'
        AND NOT EXISTS (SELECT 1 FROM reversal o WHERE o.reverses = r.reverses AND o.entry_id <> r.entry_id))
    GROUP BY 1, 2, 3) g
JOIN entity n ON n.id = g.entity_id GROUP BY n.code, g.currency_id ORDER BY n.code, g.currency_id
