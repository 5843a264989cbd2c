SELECT b.id, t.name AS target, b.number, b.first_entry, b.last_entry, b.entries, b.lines, b.artifact_name, b.artifact_hash, b.created_at
FROM batch b JOIN target t ON t.id = b.target_id WHERE b.uuid = $1
