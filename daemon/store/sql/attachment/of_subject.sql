SELECT id, subject, name, hash, size, attached_at, attached_by FROM attachment WHERE subject = $1 ORDER BY id
