INSERT INTO reconciliation_mark (reconciliation, plan, entry_id, line_id, completion_id, statement_id, undone_id, left_until, fees_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (reconciliation) DO UPDATE SET plan = excluded.plan, entry_id = excluded.entry_id, line_id = excluded.line_id,
    completion_id = excluded.completion_id, statement_id = excluded.statement_id, undone_id = excluded.undone_id,
    left_until = excluded.left_until, fees_until = excluded.fees_until
