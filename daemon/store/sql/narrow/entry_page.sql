SELECT e.id, e.event_id, e.entity_id, e.period_id, e.accounting_on, e.kind, e.reference, e.description, e.rule_id, e.rate, e.hash, ev.key, e.event_on
FROM entry e JOIN event ev ON ev.id = e.event_id WHERE e.id > $1 AND e.id <= $2 ORDER BY e.id
