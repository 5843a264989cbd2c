UPDATE writer SET dimension_set = dimension_set + $1 WHERE id = 1 RETURNING dimension_set
