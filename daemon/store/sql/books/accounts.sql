SELECT id, name AS code FROM account ORDER BY id
