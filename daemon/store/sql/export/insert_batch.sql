INSERT INTO batch (id, uuid, target_id, number, first_entry, last_entry, entries, lines, created_at, created_by,
    artifact_name, artifact_hash, artifact, manifest)
SELECT r.batch_id, r.uuid, r.target_id, r.number, r.first_entry, r.last_entry, $7, $2, r.claimed_at,
    r.claimed_by, $3, $4, $5, $6
FROM batch_range r WHERE r.batch_id = $1
