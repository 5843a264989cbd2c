-- The order of the joins is said: names first, however few or many the planner takes them for.
SELECT i.item_id, i.item_sub, p.identity, p.currency_id, i.amount, s.last_on
FROM (SELECT DISTINCT n.match_id FROM json_each($3) a CROSS JOIN matched_name n ON n.reconciliation = $1 AND n.name = a.value) f CROSS JOIN match_item i ON i.match_id = f.match_id AND i.side = $2 AND i.item_kind = 4
CROSS JOIN payout p ON p.id = i.item_id JOIN payout_sum s ON s.reconciliation = $1 AND s.payout_id = p.id
ORDER BY i.item_id, i.item_sub
