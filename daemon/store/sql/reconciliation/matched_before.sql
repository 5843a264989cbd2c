-- How often items were matched that are matched no more.
SELECT i.reconciliation, i.side, i.item_kind, i.item_id, i.item_sub, CAST(COUNT(*) AS BIGINT) AS times
FROM match_undone u CROSS JOIN match_item_made i WHERE i.match_id = u.match_id
GROUP BY i.reconciliation, i.side, i.item_kind, i.item_id, i.item_sub
