SELECT id, entity_id, code, start_on, end_on FROM period ORDER BY id
