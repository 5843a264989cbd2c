SELECT r.batch_id, r.uuid, r.first_entry, r.last_entry, r.partial FROM batch_range r
WHERE r.target_id = $1 AND r.batch_id <= $2 AND EXISTS (SELECT 1 FROM batch_held h WHERE h.batch_id = r.batch_id AND h.own = 1)
    AND NOT EXISTS (SELECT 1 FROM batch_release x WHERE x.batch_id = r.batch_id)
    AND NOT EXISTS (SELECT 1 FROM batch_range n WHERE n.supplements = r.batch_id)
ORDER BY r.number LIMIT 1
