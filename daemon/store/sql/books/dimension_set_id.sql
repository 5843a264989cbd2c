SELECT id FROM dimension_set WHERE hash = $1
