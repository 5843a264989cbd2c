SELECT t.name AS target, h.entry_id, r.uuid, h.why FROM batch_held h JOIN batch_range r ON r.batch_id = h.batch_id JOIN target t ON t.id = r.target_id
WHERE h.own = 1 AND NOT EXISTS (SELECT 1 FROM batch_release x WHERE x.batch_id = h.batch_id)
    AND NOT EXISTS (SELECT 1 FROM batch_range n JOIN batch b ON b.id = n.batch_id WHERE n.supplements = h.batch_id)
ORDER BY t.name, h.entry_id
