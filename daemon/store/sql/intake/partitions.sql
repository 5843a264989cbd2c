SELECT s.name AS source, p.name AS partition_name, p.position, p.received
FROM source_partition p JOIN source s ON s.id = p.source_id ORDER BY s.name, p.name
