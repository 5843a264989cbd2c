UPDATE source_partition SET position = $3, received = received + $4 WHERE id = $1 AND position = $2
