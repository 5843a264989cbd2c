-- The bank's side of matches that have payouts at the other: each payout with all that arrived in its match.
WITH payout_side AS (
    SELECT match_id, side, COUNT(*) AS payouts, CAST(SUM(amount) AS BIGINT) AS expected, MIN(item_id) AS first_item
    FROM match_item WHERE item_kind IN (2, 4) GROUP BY match_id, side
), bank_side AS (
    SELECT b.match_id, b.side, CAST(SUM(b.amount) AS BIGINT) AS deposited, MAX(l.booked_on) AS arrived_on
    FROM match_item b JOIN settlement_line_received l ON l.id = b.item_id WHERE b.item_kind = 3 GROUP BY b.match_id, b.side
), paired AS (
    SELECT p.match_id, p.side, p.payouts, p.expected, p.first_item, b.deposited, b.arrived_on
    FROM bank_side b JOIN payout_side p ON p.match_id = b.match_id AND p.side <> b.side
)
SELECT i.item_kind, i.item_id, i.match_id, i.amount, p.payouts, p.deposited, p.expected, p.first_item, p.arrived_on
FROM match_item i JOIN paired p ON p.match_id = i.match_id AND p.side = i.side
WHERE i.item_kind IN (2, 4) ORDER BY i.match_id, i.item_id
