-- The books. Ids are dense and given by the writer; `_at` is a moment, `_on` a day.

-- One row that every writer takes first, so that ids stay dense and the chain stays one.
CREATE TABLE writer (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    turn INTEGER NOT NULL
);
INSERT INTO writer (id, turn) VALUES (1, 0);

-- Dictionaries: names as small numbers.
CREATE TABLE currency (
    id INTEGER NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    exponent INTEGER NOT NULL,
    units INTEGER NOT NULL
);
CREATE TABLE entity (
    id INTEGER NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    functional_id INTEGER NOT NULL REFERENCES currency (id),
    zone TEXT NOT NULL,
    calendar TEXT NOT NULL
);
CREATE TABLE account (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    type TEXT NOT NULL,
    normal_side INTEGER NOT NULL CHECK (normal_side IN (1, 2)),
    title TEXT NOT NULL
);
CREATE TABLE period (
    id INTEGER NOT NULL PRIMARY KEY,
    entity_id INTEGER NOT NULL REFERENCES entity (id),
    code TEXT NOT NULL,
    start_on TEXT NOT NULL,
    end_on TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    UNIQUE (entity_id, code)
);
CREATE TABLE mapping (
    id INTEGER NOT NULL PRIMARY KEY,
    pack TEXT NOT NULL,
    version BLOB NOT NULL UNIQUE,
    activated_at TEXT NOT NULL,
    activated_by TEXT NOT NULL
);
CREATE TABLE rule (
    id INTEGER NOT NULL PRIMARY KEY,
    mapping_id INTEGER NOT NULL REFERENCES mapping (id),
    name TEXT NOT NULL,
    UNIQUE (mapping_id, name)
);
CREATE TABLE event_type (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
-- What an event names as its `source`.
CREATE TABLE origin (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE dimension_set (
    id INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    content TEXT NOT NULL
);

-- Where events are read from. `position` is the checkpoint, `received` counts what was taken.
CREATE TABLE source (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL
);
CREATE TABLE source_partition (
    id INTEGER NOT NULL PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source (id),
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    received INTEGER NOT NULL,
    UNIQUE (source_id, name)
);

CREATE TABLE event (
    id INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    content_hash BLOB NOT NULL,
    origin_id INTEGER NOT NULL,
    event_type_id INTEGER NOT NULL,
    partition_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    occurred_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    payload BLOB NOT NULL
);
-- kind: 1 posted, 2 ignored, 3 suspended.
CREATE TABLE outcome (
    event_id INTEGER NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
    rule_id INTEGER,
    reason TEXT,
    decided_at TEXT NOT NULL
);
-- kind: 1 duplicate (equal content), 2 conflict (other content, kept whole).
CREATE TABLE repetition (
    id INTEGER NOT NULL PRIMARY KEY,
    event_id INTEGER NOT NULL,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    partition_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    content_hash BLOB NOT NULL,
    payload BLOB,
    received_at TEXT NOT NULL
);
CREATE TABLE quarantine (
    id INTEGER NOT NULL PRIMARY KEY,
    partition_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    raw BLOB NOT NULL,
    received_at TEXT NOT NULL
);

-- The journal. kind: 1 original, 2 reversal, 3 adjustment, 4 recognition, 5 revaluation.
CREATE TABLE posting_batch (
    id INTEGER NOT NULL PRIMARY KEY,
    first_entry INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    root BLOB NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    posted_at TEXT NOT NULL,
    posted_by TEXT NOT NULL
);
CREATE TABLE entry (
    id INTEGER NOT NULL PRIMARY KEY,
    event_id INTEGER NOT NULL,
    entity_id INTEGER NOT NULL,
    period_id INTEGER NOT NULL,
    accounting_on TEXT NOT NULL,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    reference TEXT NOT NULL,
    description TEXT NOT NULL,
    rule_id INTEGER NOT NULL,
    rate TEXT,
    hash BLOB NOT NULL
);
CREATE TABLE line (
    entry_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    side INTEGER NOT NULL CHECK (side IN (1, 2)),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency_id INTEGER NOT NULL,
    functional INTEGER NOT NULL CHECK (functional >= 0),
    dimension_set_id INTEGER NOT NULL,
    PRIMARY KEY (entry_id, line_no)
) WITHOUT ROWID;
-- Kept in the posting transaction: a trial balance is a read.
CREATE TABLE balance (
    entity_id INTEGER NOT NULL,
    period_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    currency_id INTEGER NOT NULL,
    -- SQLite turns a sum beyond 64 bits into a float without a word; this refuses it.
    debit INTEGER NOT NULL CHECK (typeof(debit) = 'integer'),
    credit INTEGER NOT NULL CHECK (typeof(credit) = 'integer'),
    functional_debit INTEGER NOT NULL CHECK (typeof(functional_debit) = 'integer'),
    functional_credit INTEGER NOT NULL CHECK (typeof(functional_credit) = 'integer'),
    PRIMARY KEY (entity_id, period_id, account_id, currency_id)
);
-- Deferred lines: what is to be released, from when to when, into which account.
CREATE TABLE schedule (
    entry_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    release_account_id INTEGER NOT NULL,
    method TEXT NOT NULL,
    start_on TEXT NOT NULL,
    end_on TEXT NOT NULL,
    PRIMARY KEY (entry_id, line_no)
);

-- Who did what: every run of a job, every change of state by a person.
CREATE TABLE run (
    id INTEGER NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    actor TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    succeeded BOOLEAN NOT NULL,
    summary TEXT NOT NULL
);
