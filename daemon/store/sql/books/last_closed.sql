SELECT en.code AS entity, p.code AS period, p.end_on FROM period p JOIN entity en ON en.id = p.entity_id
WHERE p.state = 'closed' AND p.end_on >= $1 ORDER BY p.end_on DESC LIMIT 1
