-- The record chain: a link over every run of rows beside the journal, appended where they are written.
-- `scope` is what the keys count within; `marks` holds the first bytes of each row's hash.
CREATE TABLE record_link (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    scope INTEGER NOT NULL,
    first_key INTEGER NOT NULL,
    last_key INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    adopted INTEGER NOT NULL CHECK (adopted IN (0, 1)),
    digest BLOB NOT NULL,
    marks BLOB NOT NULL,
    batch INTEGER NOT NULL,
    head BLOB NOT NULL,
    written_at TEXT NOT NULL,
    written_by TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
);
CREATE INDEX record_link_kind ON record_link (kind, id);
-- Every kind begins with what was there before; these are few.
CREATE INDEX record_link_adopted ON record_link (kind) WHERE adopted = 1;
CREATE TRIGGER record_link_no_update BEFORE UPDATE ON record_link
BEGIN SELECT RAISE(ABORT, 'append-only: record_link refuses UPDATE'); END;
CREATE TRIGGER record_link_no_delete BEFORE DELETE ON record_link
BEGIN SELECT RAISE(ABORT, 'append-only: record_link refuses DELETE'); END;

-- The newest link; zeros before the first.
ALTER TABLE writer ADD COLUMN record INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN record_head BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';

-- An outcome that was decided once more: what it was, and what it is since then.
CREATE TABLE redecision (
    id INTEGER NOT NULL PRIMARY KEY,
    event_id INTEGER NOT NULL,
    former_kind INTEGER NOT NULL CHECK (former_kind IN (2, 3)),
    former_rule_id INTEGER,
    former_reason TEXT,
    former_decided_at TEXT NOT NULL,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
    rule_id INTEGER,
    reason TEXT,
    decided_at TEXT NOT NULL,
    decided_by TEXT NOT NULL
);
CREATE INDEX redecision_event ON redecision (event_id);
CREATE TRIGGER redecision_no_update BEFORE UPDATE ON redecision
BEGIN SELECT RAISE(ABORT, 'append-only: redecision refuses UPDATE'); END;
CREATE TRIGGER redecision_no_delete BEFORE DELETE ON redecision
BEGIN SELECT RAISE(ABORT, 'append-only: redecision refuses DELETE'); END;
