SELECT i.item_kind, i.item_id, f.kind FROM finding f JOIN finding_item i ON i.finding_id = f.id
WHERE i.item_kind IN (2, 4) AND f.status = 'open' AND EXISTS (
    SELECT 1 FROM finding_item o WHERE o.finding_id = f.id AND o.item_kind IN (3, 4)) ORDER BY f.id, i.position
