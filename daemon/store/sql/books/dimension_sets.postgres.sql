SELECT hash, id FROM dimension_set
WHERE hash IN (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($1 AS JSON)) AS value)
