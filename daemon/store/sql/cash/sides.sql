-- One side of a reconciliation ($1, $2) by day, and by the day on which its items were matched. The side's own items are of
-- kind $3 and account $4 (any: ''; of a bank's, between bars), of one of the words in $5 (any: '') and say $6 (anything: ''); what was matched at it is too.
SELECT y.on_day, y.currency_id, y.compared, d.done_on, CAST(SUM(y.amount) AS BIGINT) AS amount, COUNT(*) AS items
FROM (
    SELECT x.on_day, x.currency_id, i.match_id, COALESCE(i.amount, x.amount) AS amount,
        CAST(CASE WHEN i.match_id IS NOT NULL OR (x.apart = 0 AND ($5 = '' OR REPLACE($5, '|' || x.word || '|', '') <> $5)) THEN 1 ELSE 0 END AS BIGINT) AS compared
    FROM cash_item x
    LEFT JOIN match_item i ON i.reconciliation = $1 AND i.side = $2 AND i.item_kind = x.item_kind AND i.item_id = x.item_id AND i.item_sub = x.item_sub
    WHERE x.item_kind = CAST($3 AS BIGINT) AND (i.match_id IS NOT NULL OR (($4 = '' OR x.account = $4 OR (x.item_kind = 1 AND x.account IN (
            SELECT a.name FROM account a JOIN account_label b ON b.account_id = a.id WHERE b.name = $4))
        OR (x.item_kind = 3 AND REPLACE($4, '|' || x.account || '|', '') <> $4))
        AND ($6 = '' OR REPLACE(x.text, $6, '') <> x.text)))
    UNION ALL
    SELECT o.on_day, o.currency_id, o.match_id, o.amount, CAST(1 AS BIGINT)
    FROM matched_item o WHERE o.reconciliation = $1 AND o.side = $2 AND o.item_kind <> CAST($3 AS BIGINT)
) y LEFT JOIN match_day d ON d.match_id = y.match_id AND d.reconciliation = $1
GROUP BY y.on_day, y.currency_id, y.compared, d.done_on ORDER BY y.on_day, y.currency_id, y.compared, d.done_on
