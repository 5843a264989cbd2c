SELECT o.event_id FROM outcome o
WHERE (o.kind = 1) <> EXISTS (SELECT 1 FROM entry e WHERE e.event_id = o.event_id)
ORDER BY o.event_id LIMIT 20
