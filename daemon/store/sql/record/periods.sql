SELECT p.id, en.code AS entity, p.code, p.state FROM period p JOIN entity en ON en.id = p.entity_id ORDER BY p.id
