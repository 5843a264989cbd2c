SELECT entry_id FROM batch_taken WHERE batch_id = $1 ORDER BY entry_id
