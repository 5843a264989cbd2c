SELECT CAST(COUNT(*) AS BIGINT) FROM attachment_chunk WHERE hash = $1 AND no = 1
