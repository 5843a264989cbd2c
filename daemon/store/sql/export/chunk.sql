SELECT codec, bytes FROM artifact_chunk WHERE batch_id = $1 AND no = $2
