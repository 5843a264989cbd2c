INSERT INTO posting_batch (id, first_entry, entries, root, previous, hash, posted_at, posted_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
