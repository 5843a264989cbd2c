SELECT r.uuid, b.artifact_hash FROM batch_range r LEFT JOIN batch b ON b.id = r.batch_id WHERE r.target_id = $1 AND r.number = $2
