SELECT t.name AS target, s.number, s.uuid, COALESCE(b.artifact_name, '') AS artifact_name, s.state, s.message,
    COALESCE(d.number, m.number, '') AS document, COALESCE(d.theirs, '') AS theirs, d.state AS document_state, d.words
FROM batch_range r JOIN batch_state s ON s.batch_id = r.batch_id JOIN target t ON t.id = s.target_id
LEFT JOIN batch b ON b.id = s.batch_id
LEFT JOIN batch_summary m ON m.batch_id = r.batch_id AND m.entry_id = $1
LEFT JOIN document_state d ON d.batch_id = r.batch_id AND (d.entry_id = $1 OR d.number = m.number)
WHERE $1 BETWEEN r.first_entry AND r.last_entry
    AND NOT EXISTS (SELECT 1 FROM batch_held h WHERE h.batch_id = r.batch_id AND h.entry_id = $1)
    AND (r.partial IS NULL OR EXISTS (SELECT 1 FROM batch_taken k WHERE k.batch_id = r.batch_id AND k.entry_id = $1))
ORDER BY t.name, s.number
