-- Append-only: a correction is a new row. What was decided stays, except that a suspended event
-- may be decided once more.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append-only: % refuses %', TG_TABLE_NAME, TG_OP;
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER repetition_append_only BEFORE UPDATE OR DELETE ON repetition
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quarantine_append_only BEFORE UPDATE OR DELETE ON quarantine
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_batch_append_only BEFORE UPDATE OR DELETE ON posting_batch
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER line_append_only BEFORE UPDATE OR DELETE ON line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER schedule_append_only BEFORE UPDATE OR DELETE ON schedule
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batch_append_only BEFORE UPDATE OR DELETE ON batch
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batch_entry_append_only BEFORE UPDATE OR DELETE ON batch_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER delivery_append_only BEFORE UPDATE OR DELETE ON delivery
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_file_append_only BEFORE UPDATE OR DELETE ON settlement_file
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_line_append_only BEFORE UPDATE OR DELETE ON settlement_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_append_only BEFORE UPDATE OR DELETE ON statement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER match_item_append_only BEFORE UPDATE OR DELETE ON match_item
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reconciliation_match_append_only BEFORE UPDATE OR DELETE ON reconciliation_match
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_append_only BEFORE UPDATE OR DELETE ON run
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER mapping_append_only BEFORE UPDATE OR DELETE ON mapping
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rule_append_only BEFORE UPDATE OR DELETE ON rule
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER outcome_no_delete BEFORE DELETE ON outcome
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER outcome_no_update BEFORE UPDATE ON outcome
    FOR EACH ROW WHEN (old.kind <> 3) EXECUTE FUNCTION refuse_change();
