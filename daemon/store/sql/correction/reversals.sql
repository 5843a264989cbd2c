SELECT entry_id, reverses FROM correction WHERE reverses IS NOT NULL ORDER BY entry_id
