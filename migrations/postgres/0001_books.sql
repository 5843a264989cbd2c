-- The books. Ids are dense and given by the writer; `_at` is a moment, `_on` a day.

-- One row that every writer takes first, so that ids stay dense and the chain stays one.
CREATE TABLE writer (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    turn BIGINT NOT NULL
);
INSERT INTO writer (id, turn) VALUES (1, 0);

-- Dictionaries: names as small numbers.
CREATE TABLE currency (
    id BIGINT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    exponent BIGINT NOT NULL,
    units BIGINT NOT NULL
);
CREATE TABLE entity (
    id BIGINT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    functional_id BIGINT NOT NULL REFERENCES currency (id),
    zone TEXT NOT NULL,
    calendar TEXT NOT NULL
);
CREATE TABLE account (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    type TEXT NOT NULL,
    normal_side BIGINT NOT NULL CHECK (normal_side IN (1, 2)),
    title TEXT NOT NULL
);
CREATE TABLE period (
    id BIGINT NOT NULL PRIMARY KEY,
    entity_id BIGINT NOT NULL REFERENCES entity (id),
    code TEXT NOT NULL,
    start_on DATE NOT NULL,
    end_on DATE NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    UNIQUE (entity_id, code)
);
CREATE TABLE mapping (
    id BIGINT NOT NULL PRIMARY KEY,
    pack TEXT NOT NULL,
    version BYTEA NOT NULL UNIQUE,
    activated_at TIMESTAMPTZ NOT NULL,
    activated_by TEXT NOT NULL
);
CREATE TABLE rule (
    id BIGINT NOT NULL PRIMARY KEY,
    mapping_id BIGINT NOT NULL REFERENCES mapping (id),
    name TEXT NOT NULL,
    UNIQUE (mapping_id, name)
);
CREATE TABLE event_type (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
-- What an event names as its `source`.
CREATE TABLE origin (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE dimension_set (
    id BIGINT NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    content TEXT NOT NULL
);

-- Where events are read from. `position` is the checkpoint, `received` counts what was taken.
CREATE TABLE source (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL
);
CREATE TABLE source_partition (
    id BIGINT NOT NULL PRIMARY KEY,
    source_id BIGINT NOT NULL REFERENCES source (id),
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    received BIGINT NOT NULL,
    UNIQUE (source_id, name)
);

CREATE TABLE event (
    id BIGINT NOT NULL PRIMARY KEY,
    key BYTEA NOT NULL UNIQUE,
    content_hash BYTEA NOT NULL,
    origin_id BIGINT NOT NULL,
    event_type_id BIGINT NOT NULL,
    partition_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    payload BYTEA NOT NULL
);
-- kind: 1 posted, 2 ignored, 3 suspended.
CREATE TABLE outcome (
    event_id BIGINT NOT NULL PRIMARY KEY,
    kind BIGINT NOT NULL CHECK (kind IN (1, 2, 3)),
    rule_id BIGINT,
    reason TEXT,
    decided_at TIMESTAMPTZ NOT NULL
);
-- kind: 1 duplicate (equal content), 2 conflict (other content, kept whole).
CREATE TABLE repetition (
    id BIGINT NOT NULL PRIMARY KEY,
    event_id BIGINT NOT NULL,
    kind BIGINT NOT NULL CHECK (kind IN (1, 2)),
    partition_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    content_hash BYTEA NOT NULL,
    payload BYTEA,
    received_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE quarantine (
    id BIGINT NOT NULL PRIMARY KEY,
    partition_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    reason TEXT NOT NULL,
    raw BYTEA NOT NULL,
    received_at TIMESTAMPTZ NOT NULL
);

-- The journal. kind: 1 original, 2 reversal, 3 adjustment, 4 recognition, 5 revaluation.
CREATE TABLE posting_batch (
    id BIGINT NOT NULL PRIMARY KEY,
    first_entry BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    root BYTEA NOT NULL,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    posted_at TIMESTAMPTZ NOT NULL,
    posted_by TEXT NOT NULL
);
CREATE TABLE entry (
    id BIGINT NOT NULL PRIMARY KEY,
    event_id BIGINT NOT NULL,
    entity_id BIGINT NOT NULL,
    period_id BIGINT NOT NULL,
    accounting_on DATE NOT NULL,
    kind BIGINT NOT NULL CHECK (kind BETWEEN 1 AND 5),
    reference TEXT NOT NULL,
    description TEXT NOT NULL,
    rule_id BIGINT NOT NULL,
    rate TEXT,
    hash BYTEA NOT NULL
);
CREATE TABLE line (
    entry_id BIGINT NOT NULL,
    line_no BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    side BIGINT NOT NULL CHECK (side IN (1, 2)),
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency_id BIGINT NOT NULL,
    functional BIGINT NOT NULL CHECK (functional >= 0),
    dimension_set_id BIGINT NOT NULL,
    PRIMARY KEY (entry_id, line_no)
);
-- Kept in the posting transaction: a trial balance is a read.
CREATE TABLE balance (
    entity_id BIGINT NOT NULL,
    period_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    currency_id BIGINT NOT NULL,
    debit BIGINT NOT NULL,
    credit BIGINT NOT NULL,
    functional_debit BIGINT NOT NULL,
    functional_credit BIGINT NOT NULL,
    PRIMARY KEY (entity_id, period_id, account_id, currency_id)
);
-- Deferred lines: what is to be released, from when to when, into which account.
CREATE TABLE schedule (
    entry_id BIGINT NOT NULL,
    line_no BIGINT NOT NULL,
    release_account_id BIGINT NOT NULL,
    method TEXT NOT NULL,
    start_on DATE NOT NULL,
    end_on DATE NOT NULL,
    PRIMARY KEY (entry_id, line_no)
);

-- Who did what: every run of a job, every change of state by a person.
CREATE TABLE run (
    id BIGINT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL,
    actor TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    succeeded BOOLEAN NOT NULL,
    summary TEXT NOT NULL
);
