UPDATE writer SET turn = turn + 1 WHERE id = 1
