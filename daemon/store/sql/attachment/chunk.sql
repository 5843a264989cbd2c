SELECT codec, bytes FROM attachment_chunk WHERE hash = $1 AND no = $2
