SELECT name FROM origin ORDER BY id
