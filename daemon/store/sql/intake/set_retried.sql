UPDATE writer SET retried = $1 WHERE id = 1
