SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM reconciliation_match_made
