-- Entries that were matched and are taken back since.
SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT reverses FROM correction WHERE entry_id > $2 AND reverses IS NOT NULL
    UNION ALL SELECT reverses FROM reversal WHERE entry_id > $2 AND part = 'rest') t
CROSS JOIN match_item i WHERE i.reconciliation = $1 AND i.side IN ('left', 'right') AND i.item_kind = 1 AND i.item_id = t.reverses
