-- What people matched in a reconciliation after a match.
SELECT CAST(COUNT(*) AS BIGINT) FROM reconciliation_match_made WHERE id > $2 AND reconciliation = $1
