SELECT id, name AS code FROM rule ORDER BY id
