-- What left for an ERP: an entry is in exactly one batch per target.
CREATE TABLE target (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL
);
CREATE TABLE batch (
    id BIGINT NOT NULL PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    target_id BIGINT NOT NULL REFERENCES target (id),
    number BIGINT NOT NULL,
    first_entry BIGINT NOT NULL,
    last_entry BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_by TEXT NOT NULL,
    artifact_name TEXT NOT NULL,
    artifact_hash BYTEA NOT NULL,
    artifact BYTEA NOT NULL,
    manifest TEXT NOT NULL,
    UNIQUE (target_id, number)
);
CREATE TABLE batch_entry (
    target_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    PRIMARY KEY (target_id, entry_id)
);
-- kind: 1 delivered, 2 acknowledged, 3 rejected, 4 unknown.
CREATE TABLE delivery (
    batch_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    kind BIGINT NOT NULL CHECK (kind IN (1, 2, 3, 4)),
    message TEXT NOT NULL,
    attempted_at TIMESTAMPTZ NOT NULL,
    attempted_by TEXT NOT NULL,
    PRIMARY KEY (batch_id, attempt)
);
