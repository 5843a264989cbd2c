SELECT id, kind, scope, first_key, last_key, row_count, adopted, digest, marks, batch, head, written_at, written_by, previous, hash
FROM record_link WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3
