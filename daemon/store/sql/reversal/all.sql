SELECT entry_id, reverses, part FROM reversal ORDER BY entry_id
