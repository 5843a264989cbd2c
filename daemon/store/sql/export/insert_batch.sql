INSERT INTO batch (id, uuid, target_id, number, first_entry, last_entry, entries, lines, created_at, created_by,
    artifact_name, artifact_hash, artifact, manifest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
