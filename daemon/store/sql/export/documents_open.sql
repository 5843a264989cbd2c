SELECT t.name AS target, s.number AS batch_number, s.uuid, d.number AS document, d.entry_id, d.lines, d.currency_id, d.debit, d.state,
    d.theirs, d.words, s.state AS batch_state
FROM document_state d JOIN batch_state s ON s.batch_id = d.batch_id JOIN target t ON t.id = s.target_id
WHERE d.batch_id IN (SELECT o.batch_id FROM batch_state o WHERE COALESCE(o.state, 0) NOT IN (1, 2, 5))
    AND COALESCE(d.state, 0) NOT IN (1, 2, 5)
ORDER BY t.name, s.number, d.no LIMIT $1
