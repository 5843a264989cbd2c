SELECT CAST(COALESCE(MAX(id), 0) + 1 AS BIGINT) FROM reconciliation_match_made
