SELECT i.item_id, i.item_sub, p.identity, p.currency_id, i.amount, s.last_on
FROM (SELECT DISTINCT n.match_id FROM jsonb_array_elements_text(CAST($3 AS JSONB)) a (value) JOIN matched_name n ON n.reconciliation = $1 AND n.name = CAST(a.value AS BIGINT)) f JOIN match_item i ON i.match_id = f.match_id AND i.side = $2 AND i.item_kind = 4
JOIN payout p ON p.id = i.item_id JOIN payout_sum s ON s.reconciliation = $1 AND s.payout_id = p.id
ORDER BY i.item_id, i.item_sub
