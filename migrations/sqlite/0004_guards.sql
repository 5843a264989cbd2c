-- Append-only: a correction is a new row. What was decided stays, except that a suspended event
-- may be decided once more.
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'append-only: event refuses UPDATE'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'append-only: event refuses DELETE'); END;
CREATE TRIGGER repetition_no_update BEFORE UPDATE ON repetition
BEGIN SELECT RAISE(ABORT, 'append-only: repetition refuses UPDATE'); END;
CREATE TRIGGER repetition_no_delete BEFORE DELETE ON repetition
BEGIN SELECT RAISE(ABORT, 'append-only: repetition refuses DELETE'); END;
CREATE TRIGGER quarantine_no_update BEFORE UPDATE ON quarantine
BEGIN SELECT RAISE(ABORT, 'append-only: quarantine refuses UPDATE'); END;
CREATE TRIGGER quarantine_no_delete BEFORE DELETE ON quarantine
BEGIN SELECT RAISE(ABORT, 'append-only: quarantine refuses DELETE'); END;
CREATE TRIGGER posting_batch_no_update BEFORE UPDATE ON posting_batch
BEGIN SELECT RAISE(ABORT, 'append-only: posting_batch refuses UPDATE'); END;
CREATE TRIGGER posting_batch_no_delete BEFORE DELETE ON posting_batch
BEGIN SELECT RAISE(ABORT, 'append-only: posting_batch refuses DELETE'); END;
CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'append-only: entry refuses UPDATE'); END;
CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'append-only: entry refuses DELETE'); END;
CREATE TRIGGER line_no_update BEFORE UPDATE ON line
BEGIN SELECT RAISE(ABORT, 'append-only: line refuses UPDATE'); END;
CREATE TRIGGER line_no_delete BEFORE DELETE ON line
BEGIN SELECT RAISE(ABORT, 'append-only: line refuses DELETE'); END;
CREATE TRIGGER schedule_no_update BEFORE UPDATE ON schedule
BEGIN SELECT RAISE(ABORT, 'append-only: schedule refuses UPDATE'); END;
CREATE TRIGGER schedule_no_delete BEFORE DELETE ON schedule
BEGIN SELECT RAISE(ABORT, 'append-only: schedule refuses DELETE'); END;
CREATE TRIGGER batch_no_update BEFORE UPDATE ON batch
BEGIN SELECT RAISE(ABORT, 'append-only: batch refuses UPDATE'); END;
CREATE TRIGGER batch_no_delete BEFORE DELETE ON batch
BEGIN SELECT RAISE(ABORT, 'append-only: batch refuses DELETE'); END;
CREATE TRIGGER batch_entry_no_update BEFORE UPDATE ON batch_entry
BEGIN SELECT RAISE(ABORT, 'append-only: batch_entry refuses UPDATE'); END;
CREATE TRIGGER batch_entry_no_delete BEFORE DELETE ON batch_entry
BEGIN SELECT RAISE(ABORT, 'append-only: batch_entry refuses DELETE'); END;
CREATE TRIGGER delivery_no_update BEFORE UPDATE ON delivery
BEGIN SELECT RAISE(ABORT, 'append-only: delivery refuses UPDATE'); END;
CREATE TRIGGER delivery_no_delete BEFORE DELETE ON delivery
BEGIN SELECT RAISE(ABORT, 'append-only: delivery refuses DELETE'); END;
CREATE TRIGGER settlement_file_no_update BEFORE UPDATE ON settlement_file
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_file refuses UPDATE'); END;
CREATE TRIGGER settlement_file_no_delete BEFORE DELETE ON settlement_file
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_file refuses DELETE'); END;
CREATE TRIGGER settlement_line_no_update BEFORE UPDATE ON settlement_line
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_line refuses UPDATE'); END;
CREATE TRIGGER settlement_line_no_delete BEFORE DELETE ON settlement_line
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_line refuses DELETE'); END;
CREATE TRIGGER statement_no_update BEFORE UPDATE ON statement
BEGIN SELECT RAISE(ABORT, 'append-only: statement refuses UPDATE'); END;
CREATE TRIGGER statement_no_delete BEFORE DELETE ON statement
BEGIN SELECT RAISE(ABORT, 'append-only: statement refuses DELETE'); END;
CREATE TRIGGER match_item_no_update BEFORE UPDATE ON match_item
BEGIN SELECT RAISE(ABORT, 'append-only: match_item refuses UPDATE'); END;
CREATE TRIGGER match_item_no_delete BEFORE DELETE ON match_item
BEGIN SELECT RAISE(ABORT, 'append-only: match_item refuses DELETE'); END;
CREATE TRIGGER reconciliation_match_no_update BEFORE UPDATE ON reconciliation_match
BEGIN SELECT RAISE(ABORT, 'append-only: reconciliation_match refuses UPDATE'); END;
CREATE TRIGGER reconciliation_match_no_delete BEFORE DELETE ON reconciliation_match
BEGIN SELECT RAISE(ABORT, 'append-only: reconciliation_match refuses DELETE'); END;
CREATE TRIGGER run_no_update BEFORE UPDATE ON run
BEGIN SELECT RAISE(ABORT, 'append-only: run refuses UPDATE'); END;
CREATE TRIGGER run_no_delete BEFORE DELETE ON run
BEGIN SELECT RAISE(ABORT, 'append-only: run refuses DELETE'); END;
CREATE TRIGGER mapping_no_update BEFORE UPDATE ON mapping
BEGIN SELECT RAISE(ABORT, 'append-only: mapping refuses UPDATE'); END;
CREATE TRIGGER mapping_no_delete BEFORE DELETE ON mapping
BEGIN SELECT RAISE(ABORT, 'append-only: mapping refuses DELETE'); END;
CREATE TRIGGER rule_no_update BEFORE UPDATE ON rule
BEGIN SELECT RAISE(ABORT, 'append-only: rule refuses UPDATE'); END;
CREATE TRIGGER rule_no_delete BEFORE DELETE ON rule
BEGIN SELECT RAISE(ABORT, 'append-only: rule refuses DELETE'); END;
CREATE TRIGGER outcome_no_delete BEFORE DELETE ON outcome
BEGIN SELECT RAISE(ABORT, 'append-only: outcome refuses DELETE'); END;
CREATE TRIGGER outcome_no_update BEFORE UPDATE ON outcome WHEN old.kind <> 3
BEGIN SELECT RAISE(ABORT, 'append-only: outcome refuses UPDATE'); END;
