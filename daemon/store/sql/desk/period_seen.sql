SELECT p.state, (SELECT CAST(COUNT(*) AS BIGINT) FROM seal s WHERE s.period_id = p.id) AS seals
FROM period p JOIN entity en ON en.id = p.entity_id WHERE en.code = $1 AND p.code = $2
