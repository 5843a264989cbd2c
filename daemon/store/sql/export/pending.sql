SELECT e.id FROM entry e
WHERE NOT EXISTS (SELECT 1 FROM batch_entry b WHERE b.target_id = $1 AND b.entry_id = e.id)
ORDER BY e.id LIMIT $2
