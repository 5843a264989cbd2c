SELECT r.batch_id, r.uuid, r.first_entry, r.last_entry, r.partial FROM batch_release x JOIN batch_range r ON r.batch_id = x.batch_id
WHERE r.target_id = $1 AND NOT EXISTS (SELECT 1 FROM batch_range n WHERE n.replaces = x.batch_id)
ORDER BY r.number LIMIT 1
