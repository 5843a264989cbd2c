-- How many of the items that a break is about have been matched since it was found.
SELECT CAST(COUNT(*) AS BIGINT) FROM finding f JOIN finding_item i ON i.finding_id = f.id
JOIN match_item m ON m.reconciliation = f.reconciliation AND m.side IN ('left', 'right')
    AND m.item_kind = i.item_kind AND m.item_id = i.item_id AND m.item_sub = i.item_sub
WHERE f.id = $1 AND f.lasting = 0
