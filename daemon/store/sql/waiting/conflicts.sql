-- A person's word that the first content stands is a proposal that was carried out.
SELECT r.id, r.event_id, s.name AS source, p.name AS partition_name, r.position, r.received_at, t.name AS event_type,
    f.name AS first_source, e.position AS first_position, e.received_at AS first_received_at, e.payload AS first_payload, r.payload,
    a.proposed_by AS accepted_by, a.why AS accepted_why
FROM repetition r
JOIN source_partition p ON p.id = r.partition_id
JOIN source s ON s.id = p.source_id
JOIN event e ON e.id = r.event_id
JOIN event_type t ON t.id = e.event_type_id
JOIN source_partition q ON q.id = e.partition_id
JOIN source f ON f.id = q.source_id
LEFT JOIN proposal a ON a.kind = 'conflict-accept' AND a.subject = CAST(r.id AS TEXT)
    AND (a.eyes = 2 OR EXISTS (SELECT 1 FROM decision d WHERE d.proposal_id = a.id AND d.verdict = 'approved'))
WHERE r.kind = 2 AND ($1 = 0 OR r.id = $1) AND ($2 = 1 OR a.id IS NULL) AND ($3 = 0 OR r.event_id = $3)
ORDER BY r.id
