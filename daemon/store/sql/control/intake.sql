SELECT s.name AS source,
    CAST(COALESCE(SUM(p.received), 0) AS BIGINT) AS received,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM repetition r JOIN source_partition x ON x.id = r.partition_id WHERE x.source_id = s.id AND r.kind = 1) AS duplicates,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM repetition r JOIN source_partition x ON x.id = r.partition_id WHERE x.source_id = s.id AND r.kind = 2) AS conflicts,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM quarantine q JOIN source_partition x ON x.id = q.partition_id WHERE x.source_id = s.id) AS quarantined,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM outcome o JOIN event e ON e.id = o.event_id JOIN source_partition x ON x.id = e.partition_id WHERE x.source_id = s.id AND o.kind = 2) AS ignored,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM outcome o JOIN event e ON e.id = o.event_id JOIN source_partition x ON x.id = e.partition_id WHERE x.source_id = s.id AND o.kind = 3) AS suspended,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM outcome o JOIN event e ON e.id = o.event_id JOIN source_partition x ON x.id = e.partition_id WHERE x.source_id = s.id AND o.kind = 1) AS posted
FROM source s LEFT JOIN source_partition p ON p.source_id = s.id
GROUP BY s.id, s.name ORDER BY s.name
