SELECT id, entity_id, period_id, accounting_on, event_on, kind, reference, rule_id FROM entry WHERE id > $1 AND id <= $2 ORDER BY id
