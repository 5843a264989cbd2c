-- Money that really moved: files as received, statements, lines; then matches and breaks.
CREATE TABLE settlement_file (
    id BIGINT NOT NULL PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    received_by TEXT NOT NULL,
    raw BYTEA NOT NULL
);
CREATE TABLE statement (
    id BIGINT NOT NULL PRIMARY KEY,
    file_id BIGINT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('processor', 'bank')),
    account TEXT NOT NULL,
    identity TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    opening BIGINT,
    closing BIGINT,
    total BIGINT NOT NULL,
    start_on DATE NOT NULL,
    end_on DATE NOT NULL,
    verdict TEXT NOT NULL
);
-- Amounts are signed as the account holder sees them: net = gross - fee.
CREATE TABLE settlement_line (
    id BIGINT NOT NULL PRIMARY KEY,
    key BYTEA NOT NULL UNIQUE,
    file_id BIGINT NOT NULL,
    statement_id BIGINT NOT NULL,
    position BIGINT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('processor', 'bank')),
    account TEXT NOT NULL,
    identity TEXT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    payout TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    gross BIGINT NOT NULL,
    fee BIGINT NOT NULL,
    net BIGINT NOT NULL,
    booked_on DATE NOT NULL,
    paid_on DATE,
    description TEXT NOT NULL,
    raw TEXT NOT NULL
);
-- How far each account's files reach, so that what is not due yet is told from what is missing.
CREATE TABLE coverage (
    origin TEXT NOT NULL,
    account TEXT NOT NULL,
    covered_on DATE NOT NULL,
    PRIMARY KEY (origin, account)
);
CREATE TABLE reconciliation_match (
    id BIGINT NOT NULL PRIMARY KEY,
    reconciliation TEXT NOT NULL,
    pass TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    left_amount BIGINT NOT NULL,
    right_amount BIGINT NOT NULL,
    explanation TEXT NOT NULL,
    matched_at TIMESTAMPTZ NOT NULL
);
-- The key is what says that nothing is consumed twice.
CREATE TABLE match_item (
    reconciliation TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    item TEXT NOT NULL,
    match_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (reconciliation, side, item)
);
-- `lasting`: from a match, which no later run finds again; it stays until somebody resolves it.
CREATE TABLE reconciliation_break (
    id TEXT NOT NULL PRIMARY KEY,
    reconciliation TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'explained', 'cleared')),
    reference TEXT NOT NULL,
    account TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    since_on DATE NOT NULL,
    age_days BIGINT NOT NULL,
    items TEXT NOT NULL,
    detail TEXT NOT NULL,
    lasting BOOLEAN NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE reconciliation_state (
    reconciliation TEXT NOT NULL,
    account TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    left_total BIGINT NOT NULL,
    right_total BIGINT NOT NULL,
    left_matched BIGINT NOT NULL,
    right_matched BIGINT NOT NULL,
    left_pending BIGINT NOT NULL,
    right_pending BIGINT NOT NULL,
    breaks BIGINT NOT NULL,
    as_of_on DATE NOT NULL,
    PRIMARY KEY (reconciliation, account, currency_id)
);
