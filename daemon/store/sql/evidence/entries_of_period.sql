SELECT CAST(COUNT(*) AS BIGINT) FROM entry e JOIN period p ON p.id = e.period_id JOIN entity en ON en.id = p.entity_id
WHERE en.code = $1 AND p.code = $2
