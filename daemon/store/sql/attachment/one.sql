SELECT id, subject, name, hash, size, attached_at, attached_by FROM attachment WHERE id = $1
