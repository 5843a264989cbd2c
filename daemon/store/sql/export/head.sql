SELECT artifact_name, artifact_hash, artifact FROM batch WHERE id = $1
