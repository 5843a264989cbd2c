-- How many of the items that a break is about have been matched since it was found.
SELECT CAST(COUNT(*) AS BIGINT) FROM finding f CROSS JOIN finding_item i CROSS JOIN match_item m
WHERE i.finding_id = f.id AND m.reconciliation = f.reconciliation AND m.side IN ('left', 'right')
    AND m.item_kind = i.item_kind AND m.item_id = i.item_id AND m.item_sub = i.item_sub
    AND f.id = $1 AND f.lasting = 0
