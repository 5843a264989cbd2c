SELECT id, first_entry, entries, root, previous, hash FROM posting_batch ORDER BY id
