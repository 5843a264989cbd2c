SELECT key FROM settlement_line
WHERE key IN (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($1 AS JSON)) AS value)
