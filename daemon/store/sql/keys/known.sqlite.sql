SELECT e.key, e.id, e.content_hash, CASE WHEN e.content_version <> $2 THEN e.payload END AS payload
FROM json_each($1) k CROSS JOIN event e
WHERE e.id >> 16 = json_extract(k.value, '$[0]') AND e.key = unhex(json_extract(k.value, '$[1]'))
