SELECT event_id FROM (
    SELECT o.event_id FROM outcome o WHERE o.kind = 1
    EXCEPT
    SELECT e.event_id FROM entry e
) AS without_entry
UNION
SELECT event_id FROM (
    SELECT e.event_id FROM entry e
    EXCEPT
    SELECT o.event_id FROM outcome o WHERE o.kind = 1
) AS without_outcome
ORDER BY event_id LIMIT 20
