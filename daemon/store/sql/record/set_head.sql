UPDATE writer SET record = $1, record_head = $2 WHERE id = 1
