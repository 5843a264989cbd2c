SELECT id, code FROM entity ORDER BY id
