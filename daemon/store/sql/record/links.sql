SELECT id, kind, scope, first_key, last_key, row_count, adopted, digest, digest AS marks, batch, head, written_at, written_by, previous, hash
FROM record_link WHERE id > $1 ORDER BY id LIMIT $2
