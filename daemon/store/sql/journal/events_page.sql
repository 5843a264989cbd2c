SELECT e.id, e.payload, e.received_at, o.kind AS outcome
FROM event e JOIN outcome o ON o.event_id = e.id
WHERE e.id > $1 AND e.id <= $2 AND o.event_id > $1 AND o.event_id <= $2 ORDER BY e.id
