SELECT hash, id FROM dimension_set WHERE hash IN (SELECT unhex(value) FROM json_each($1))
