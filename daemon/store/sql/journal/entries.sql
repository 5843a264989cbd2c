SELECT e.id, e.event_id, en.code AS entity, p.code AS period, e.accounting_on, e.kind, e.reference,
    e.description, ev.key AS event_key, m.version AS mapping, r.name AS rule, e.rate, e.hash,
    en.functional_id, e.event_on
FROM entry e
JOIN entity en ON en.id = e.entity_id
JOIN period p ON p.id = e.period_id
JOIN event ev ON ev.id = e.event_id
JOIN rule r ON r.id = e.rule_id
JOIN mapping m ON m.id = r.mapping_id
WHERE e.id > $1 AND e.id <= $2 ORDER BY e.id
