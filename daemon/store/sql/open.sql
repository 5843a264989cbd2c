UPDATE writer SET turn = turn + 1, closed = COALESCE(closed, 0) WHERE id = 1 RETURNING turn
