-- Entries that reprocessing made: what each takes back, or for one that stands anew what the mapping said
-- before the entry was moved into an open period. An entry is taken back once.
CREATE TABLE correction (
    entry_id BIGINT NOT NULL PRIMARY KEY,
    event_id BIGINT NOT NULL,
    reverses BIGINT UNIQUE,
    substance BYTEA,
    why TEXT NOT NULL,
    CHECK ((reverses IS NULL) <> (substance IS NULL))
);
CREATE TRIGGER correction_append_only BEFORE UPDATE OR DELETE ON correction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- An event that was ignored may be posted by a later version of the mapping; what is posted stays so.
DROP TRIGGER outcome_no_update ON outcome;
CREATE TRIGGER outcome_no_update BEFORE UPDATE ON outcome
    FOR EACH ROW WHEN (NOT (old.kind = 3 OR (old.kind = 2 AND new.kind = 1))) EXECUTE FUNCTION refuse_change();

-- With which version of the mapping all suspended events were last decided again.
ALTER TABLE writer ADD COLUMN retried BYTEA;
