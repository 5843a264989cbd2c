SELECT COALESCE(d.reason, '') AS reason, COALESCE(r.name, '') AS rule, t.name AS event_type, CAST(COUNT(*) AS BIGINT) AS events,
    MIN(e.id) AS first_event, MIN(e.occurred_at) AS since
FROM outcome d
JOIN event e ON e.id = d.event_id
JOIN event_type t ON t.id = e.event_type_id
LEFT JOIN rule r ON r.id = d.rule_id
WHERE d.kind = 3
GROUP BY d.reason, r.name, t.name
