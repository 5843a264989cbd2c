SELECT plan, entry_id, line_id, completion_id, statement_id, undone_id, left_until, fees_until FROM reconciliation_mark
WHERE reconciliation = $1
