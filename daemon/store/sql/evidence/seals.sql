SELECT s.id, en.code AS entity, p.code AS period, s.batch, s.statement, s.hash, s.signature, s.public_key, s.sealed_at, s.sealed_by
FROM seal s JOIN period p ON p.id = s.period_id JOIN entity en ON en.id = p.entity_id ORDER BY s.id
