SELECT b.id, b.artifact_name, b.artifact_hash, b.artifact FROM batch b ORDER BY b.id
