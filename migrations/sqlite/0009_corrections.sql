-- Entries that reprocessing made: what each takes back, or for one that stands anew what the mapping said
-- before the entry was moved into an open period. An entry is taken back once.
CREATE TABLE correction (
    entry_id INTEGER NOT NULL PRIMARY KEY,
    event_id INTEGER NOT NULL,
    reverses INTEGER UNIQUE,
    substance BLOB,
    why TEXT NOT NULL,
    CHECK ((reverses IS NULL) <> (substance IS NULL))
);
CREATE TRIGGER correction_no_update BEFORE UPDATE ON correction
BEGIN SELECT RAISE(ABORT, 'append-only: correction refuses UPDATE'); END;
CREATE TRIGGER correction_no_delete BEFORE DELETE ON correction
BEGIN SELECT RAISE(ABORT, 'append-only: correction refuses DELETE'); END;

-- An event that was ignored may be posted by a later version of the mapping; what is posted stays so.
DROP TRIGGER outcome_no_update;
CREATE TRIGGER outcome_no_update BEFORE UPDATE ON outcome WHEN NOT (old.kind = 3 OR (old.kind = 2 AND new.kind = 1))
BEGIN SELECT RAISE(ABORT, 'append-only: outcome refuses UPDATE'); END;

-- With which version of the mapping all suspended events were last decided again.
ALTER TABLE writer ADD COLUMN retried BLOB;
