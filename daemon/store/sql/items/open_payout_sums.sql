SELECT payout_id, contents, stated, fee, last_on, matched, parts, tied_fee FROM payout_sum s
WHERE s.reconciliation = $1 AND EXISTS (SELECT 1 FROM open_item i
    WHERE i.reconciliation = $1 AND i.side IN ('left', 'right', 'right fee') AND i.item_kind = 4 AND i.item_id = s.payout_id)
ORDER BY payout_id
