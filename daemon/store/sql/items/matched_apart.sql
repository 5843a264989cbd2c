-- Open items that something other than a run has matched since. The order of a cross join is kept: from the few to the many.
SELECT i.side, i.item_kind, i.item_id, i.item_sub, m.match_id, m.amount FROM open_item i
CROSS JOIN match_item m
WHERE i.reconciliation = $1 AND m.reconciliation = i.reconciliation AND m.side = i.side AND m.item_kind = i.item_kind
    AND m.item_id = i.item_id AND m.item_sub = i.item_sub
