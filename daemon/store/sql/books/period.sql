SELECT id FROM period WHERE entity_id = $1 AND code = $2
