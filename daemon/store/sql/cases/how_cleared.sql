-- By which match what a reconciliation's run before found is matched now, where it is.
SELECT t.finding_id, t.match_id, n.pass FROM (
SELECT i.finding_id, CAST(MIN(m.id) AS BIGINT) AS match_id
FROM finding f CROSS JOIN finding_item i CROSS JOIN match_item k CROSS JOIN reconciliation_match m
WHERE f.reconciliation = $1 AND f.lasting = 0 AND i.finding_id = f.id AND k.reconciliation = f.reconciliation AND k.side IN ('left', 'right')
    AND k.item_kind = i.item_kind AND k.item_id = i.item_id AND k.item_sub = i.item_sub
    AND m.id = k.match_id
GROUP BY i.finding_id) t JOIN reconciliation_match n ON n.id = t.match_id
