-- Events that ended a break until somebody took them back.
SELECT p.event_id FROM break_posting p WHERE NOT (p.entries + (SELECT CAST(COUNT(*) AS BIGINT) FROM correction c WHERE c.event_id = p.event_id AND c.reverses IS NULL)
        > (SELECT CAST(COUNT(*) AS BIGINT) FROM correction c WHERE c.event_id = p.event_id AND c.reverses IS NOT NULL)) ORDER BY p.event_id
