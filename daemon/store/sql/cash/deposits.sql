-- The bank's side of matches that have payouts at the other: each payout with all that arrived in its match.
SELECT i.item_kind, i.item_id, i.match_id, i.amount,
    (SELECT COUNT(*) FROM match_item o WHERE o.match_id = i.match_id AND o.side = i.side) AS payouts,
    (SELECT CAST(COALESCE(SUM(b.amount), 0) AS BIGINT) FROM match_item b WHERE b.match_id = i.match_id AND b.side <> i.side AND b.item_kind = 3) AS deposited,
    (SELECT CAST(COALESCE(SUM(o.amount), 0) AS BIGINT) FROM match_item o WHERE o.match_id = i.match_id AND o.side = i.side) AS expected,
    (SELECT MIN(o.item_id) FROM match_item o WHERE o.match_id = i.match_id AND o.side = i.side) AS first_item,
    (SELECT MAX(l.booked_on) FROM match_item b JOIN settlement_line_received l ON l.id = b.item_id
        WHERE b.match_id = i.match_id AND b.side <> i.side AND b.item_kind = 3) AS arrived_on
FROM match_item i WHERE i.item_kind IN (2, 4)
    AND EXISTS (SELECT 1 FROM match_item b WHERE b.match_id = i.match_id AND b.side <> i.side AND b.item_kind = 3)
ORDER BY i.match_id, i.item_id
