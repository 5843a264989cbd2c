-- Numbers of documents, without a gap per entity and fiscal year. A number is given when an entry is
-- sealed: into an export batch, or by the close of its period, whichever comes first.
CREATE TABLE document_series (
    entity_id INTEGER NOT NULL,
    fiscal_year INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (entity_id, fiscal_year)
);
CREATE TABLE document (
    entity_id INTEGER NOT NULL,
    fiscal_year INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    entry_id INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (entity_id, fiscal_year, number)
);
-- What a close signed: the statement is kept as the very text under the signature.
CREATE TABLE seal (
    id INTEGER NOT NULL PRIMARY KEY,
    period_id INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    statement TEXT NOT NULL,
    hash BLOB NOT NULL,
    signature BLOB NOT NULL,
    public_key BLOB NOT NULL,
    sealed_at TEXT NOT NULL,
    sealed_by TEXT NOT NULL
);
-- What was decided about bytes that are no event: replayed (they are one now) or discarded, by whom and why.
CREATE TABLE quarantine_decision (
    quarantine_id INTEGER NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    why TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    decided_by TEXT NOT NULL
);
CREATE TRIGGER document_no_update BEFORE UPDATE ON document
BEGIN SELECT RAISE(ABORT, 'append-only: document refuses UPDATE'); END;
CREATE TRIGGER document_no_delete BEFORE DELETE ON document
BEGIN SELECT RAISE(ABORT, 'append-only: document refuses DELETE'); END;
CREATE TRIGGER seal_no_update BEFORE UPDATE ON seal
BEGIN SELECT RAISE(ABORT, 'append-only: seal refuses UPDATE'); END;
CREATE TRIGGER seal_no_delete BEFORE DELETE ON seal
BEGIN SELECT RAISE(ABORT, 'append-only: seal refuses DELETE'); END;
CREATE TRIGGER quarantine_decision_no_update BEFORE UPDATE ON quarantine_decision
BEGIN SELECT RAISE(ABORT, 'append-only: quarantine_decision refuses UPDATE'); END;
CREATE TRIGGER quarantine_decision_no_delete BEFORE DELETE ON quarantine_decision
BEGIN SELECT RAISE(ABORT, 'append-only: quarantine_decision refuses DELETE'); END;
