-- What left for an ERP: an entry is in exactly one batch per target.
CREATE TABLE target (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL
);
CREATE TABLE batch (
    id INTEGER NOT NULL PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    target_id INTEGER NOT NULL REFERENCES target (id),
    number INTEGER NOT NULL,
    first_entry INTEGER NOT NULL,
    last_entry INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    artifact_name TEXT NOT NULL,
    artifact_hash BLOB NOT NULL,
    artifact BLOB NOT NULL,
    manifest TEXT NOT NULL,
    UNIQUE (target_id, number)
);
CREATE TABLE batch_entry (
    target_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    PRIMARY KEY (target_id, entry_id)
);
-- kind: 1 delivered, 2 acknowledged, 3 rejected, 4 unknown.
CREATE TABLE delivery (
    batch_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3, 4)),
    message TEXT NOT NULL,
    attempted_at TEXT NOT NULL,
    attempted_by TEXT NOT NULL,
    PRIMARY KEY (batch_id, attempt)
);
