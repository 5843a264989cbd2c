-- What of a side (as in sides.sql) is there by the end of a day ($7) and not yet matched then, the oldest first.
SELECT y.on_day, y.currency_id, y.amount, y.account, y.reference, y.word, d.done_on
FROM (
    SELECT x.on_day, x.currency_id, i.match_id, COALESCE(i.amount, x.amount) AS amount, x.account, x.reference, x.word, x.item_id, x.item_sub
    FROM cash_item x
    LEFT JOIN match_item i ON i.reconciliation = $1 AND i.side = $2 AND i.item_kind = x.item_kind AND i.item_id = x.item_id AND i.item_sub = x.item_sub
    WHERE x.item_kind = CAST($3 AS BIGINT) AND (i.match_id IS NOT NULL OR (x.apart = 0 AND ($5 = '' OR REPLACE($5, '|' || x.word || '|', '') <> $5) AND ($4 = '' OR x.account = $4 OR (x.item_kind = 1 AND x.account IN (
            SELECT a.name FROM account a JOIN account_label b ON b.account_id = a.id WHERE b.name = $4))
        OR (x.item_kind = 3 AND REPLACE($4, '|' || x.account || '|', '') <> $4))
        AND ($6 = '' OR REPLACE(x.text, $6, '') <> x.text)))
    UNION ALL
    SELECT o.on_day, o.currency_id, o.match_id, o.amount, o.account, o.reference, '', o.item_id, o.item_sub
    FROM matched_item o WHERE o.reconciliation = $1 AND o.side = $2 AND o.item_kind <> CAST($3 AS BIGINT)
) y LEFT JOIN match_day d ON d.match_id = y.match_id AND d.reconciliation = $1
WHERE y.on_day <= $7 AND (d.done_on IS NULL OR d.done_on > $7)
ORDER BY y.on_day, y.reference, y.item_id, y.item_sub LIMIT $8
