SELECT r.batch_id, r.uuid, r.target_id, r.number, r.first_entry, r.last_entry, o.uuid AS replaces, p.uuid AS supplements,
    r.partial, r.claimed_at, r.claimed_by
FROM batch_range r LEFT JOIN batch_range o ON o.batch_id = r.replaces LEFT JOIN batch_range p ON p.batch_id = r.supplements
WHERE r.target_id = $1 AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.id = r.batch_id)
ORDER BY r.number
