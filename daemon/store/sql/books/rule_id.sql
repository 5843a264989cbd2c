SELECT id FROM rule WHERE mapping_id = $1 AND name = $2
