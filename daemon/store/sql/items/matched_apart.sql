-- Open items that something other than a run has matched since.
SELECT i.side, i.item_kind, i.item_id, i.item_sub, m.match_id, m.amount FROM open_item i
JOIN match_item m ON m.reconciliation = i.reconciliation AND m.side = i.side AND m.item_kind = i.item_kind
    AND m.item_id = i.item_id AND m.item_sub = i.item_sub
WHERE i.reconciliation = $1
