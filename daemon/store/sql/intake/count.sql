UPDATE writer SET event = $1, entry = $2, repetition = $3, quarantine = $4, batch = $5, head = $6 WHERE id = 1
RETURNING record, record_head, batch, head
