-- Where settlement files come from, where their bytes are, and what was seen at their sources.

-- The source that brought a file: `named`, `folder`, `http`, or `sftp:` and its name; none in books of before. Where its bytes
-- are kept that are not here: `folder` or `bucket`, under the hash; none where they stand in the row and its chunks.
ALTER TABLE settlement_file ADD COLUMN source TEXT;
ALTER TABLE settlement_file ADD COLUMN kept TEXT;

-- A look at a file at its source, written when it differs from the look before. outcome: 0 seen, 1 taken, 2 refused, 3 put away; hash:
-- of what was fetched, packed as it came; why: what it was refused with, else empty.
CREATE TABLE settlement_sight (
    id INTEGER NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    outcome INTEGER NOT NULL CHECK (outcome IN (0, 1, 2, 3)),
    hash BLOB,
    why TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    seen_by TEXT NOT NULL
);
CREATE INDEX settlement_sight_by_name ON settlement_sight (source, name, id);
CREATE TRIGGER settlement_sight_no_update BEFORE UPDATE ON settlement_sight
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_sight refuses UPDATE'); END;
CREATE TRIGGER settlement_sight_no_delete BEFORE DELETE ON settlement_sight
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_sight refuses DELETE'); END;
