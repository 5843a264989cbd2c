SELECT t.name AS target, b.id, b.entries,
    (SELECT d.kind FROM delivery d WHERE d.batch_id = b.id ORDER BY d.attempt DESC LIMIT 1) AS state
FROM batch b JOIN target t ON t.id = b.target_id ORDER BY t.name, b.number
