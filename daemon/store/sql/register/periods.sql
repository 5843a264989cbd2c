SELECT id, code FROM period ORDER BY id
