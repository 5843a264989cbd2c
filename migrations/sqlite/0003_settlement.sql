-- Money that really moved: files as received, statements, lines; then matches and breaks.
CREATE TABLE settlement_file (
    id INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    received_at TEXT NOT NULL,
    received_by TEXT NOT NULL,
    raw BLOB NOT NULL
);
CREATE TABLE statement (
    id INTEGER NOT NULL PRIMARY KEY,
    file_id INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('processor', 'bank')),
    account TEXT NOT NULL,
    identity TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    opening INTEGER,
    closing INTEGER,
    total INTEGER NOT NULL,
    start_on TEXT NOT NULL,
    end_on TEXT NOT NULL,
    verdict TEXT NOT NULL
);
-- Amounts are signed as the account holder sees them: net = gross - fee.
CREATE TABLE settlement_line (
    id INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    file_id INTEGER NOT NULL,
    statement_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('processor', 'bank')),
    account TEXT NOT NULL,
    identity TEXT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    payout TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    gross INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    net INTEGER NOT NULL,
    booked_on TEXT NOT NULL,
    paid_on TEXT,
    description TEXT NOT NULL,
    raw TEXT NOT NULL
);
-- How far each account's files reach, so that what is not due yet is told from what is missing.
CREATE TABLE coverage (
    origin TEXT NOT NULL,
    account TEXT NOT NULL,
    covered_on TEXT NOT NULL,
    PRIMARY KEY (origin, account)
);
CREATE TABLE reconciliation_match (
    id INTEGER NOT NULL PRIMARY KEY,
    reconciliation TEXT NOT NULL,
    pass TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    left_amount INTEGER NOT NULL,
    right_amount INTEGER NOT NULL,
    explanation TEXT NOT NULL,
    matched_at TEXT NOT NULL
);
-- The key is what says that nothing is consumed twice.
CREATE TABLE match_item (
    reconciliation TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    item TEXT NOT NULL,
    match_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
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
    currency_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    since_on TEXT NOT NULL,
    age_days INTEGER NOT NULL,
    items TEXT NOT NULL,
    detail TEXT NOT NULL,
    lasting BOOLEAN NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL
);
CREATE TABLE reconciliation_state (
    reconciliation TEXT NOT NULL,
    account TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    left_total INTEGER NOT NULL,
    right_total INTEGER NOT NULL,
    left_matched INTEGER NOT NULL,
    right_matched INTEGER NOT NULL,
    left_pending INTEGER NOT NULL,
    right_pending INTEGER NOT NULL,
    breaks INTEGER NOT NULL,
    as_of_on TEXT NOT NULL,
    PRIMARY KEY (reconciliation, account, currency_id)
);
