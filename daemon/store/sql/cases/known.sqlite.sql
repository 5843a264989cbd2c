SELECT id FROM break_case WHERE id IN (SELECT value FROM json_each($1))
