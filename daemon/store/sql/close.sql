UPDATE writer SET closed = turn WHERE id = 1
