SELECT en.code AS entity, p.code, p.start_on, p.end_on, p.state
FROM period p JOIN entity en ON en.id = p.entity_id
ORDER BY en.code, p.start_on
