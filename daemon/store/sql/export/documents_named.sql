SELECT t.name AS target, s.number AS batch_number, s.uuid, d.number AS document, d.entry_id, d.lines, d.currency_id, d.debit, d.state,
    d.theirs, d.words, s.state AS batch_state
FROM document_state d JOIN batch_state s ON s.batch_id = d.batch_id JOIN target t ON t.id = s.target_id
WHERE d.number = $1 ORDER BY t.name, s.number
