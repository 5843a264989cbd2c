SELECT id, code, functional_id FROM entity ORDER BY id
