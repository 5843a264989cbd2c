SELECT entry_id, reverses, substance FROM correction ORDER BY entry_id
