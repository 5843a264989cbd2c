SELECT e.key, e.id, e.content_hash, CASE WHEN e.content_version <> $2 THEN e.payload END AS payload
FROM json_array_elements(CAST($1 AS JSON)) k
JOIN event e ON e.id >> 16 = CAST(k ->> 0 AS BIGINT) AND e.key = decode(k ->> 1, 'hex')
