SELECT id FROM break_case WHERE id IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)) AS value)
