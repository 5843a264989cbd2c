SELECT entry_id FROM batch_held WHERE batch_id = $1 ORDER BY entry_id
