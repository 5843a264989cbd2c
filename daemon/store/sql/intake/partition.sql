SELECT p.id, p.position FROM source_partition p JOIN source s ON s.id = p.source_id
WHERE s.name = $1 AND p.name = $2
