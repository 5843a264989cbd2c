SELECT entry_id FROM correction ORDER BY entry_id
