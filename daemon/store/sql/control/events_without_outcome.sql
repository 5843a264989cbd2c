SELECT e.id FROM event e WHERE NOT EXISTS (SELECT 1 FROM outcome o WHERE o.event_id = e.id) ORDER BY e.id LIMIT 20
