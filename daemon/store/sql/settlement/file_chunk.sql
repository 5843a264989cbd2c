SELECT codec, bytes FROM settlement_file_chunk WHERE file_id = $1 AND no = $2
