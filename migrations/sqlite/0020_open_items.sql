-- What reconciliation keeps, so that a run reads what is open and what is new. All of it follows from entries, lines
-- and matches: a run makes it anew where the plan is another, and `tieout verify` holds it against them.

-- How far a reconciliation has read, under which plan, and how far the ledger's side reaches.
CREATE TABLE reconciliation_mark (
    reconciliation TEXT NOT NULL PRIMARY KEY,
    plan BLOB NOT NULL,
    entry_id INTEGER NOT NULL,
    line_id INTEGER NOT NULL,
    completion_id INTEGER NOT NULL,
    statement_id INTEGER NOT NULL,
    left_until TEXT,
    fees_until TEXT
);
-- What no run has matched. side: `left`, `right`, and fees that are compared on their own, `left fee` and `right fee`.
CREATE TABLE open_item (
    reconciliation TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right', 'left fee', 'right fee')),
    item_kind INTEGER NOT NULL,
    item_id INTEGER NOT NULL,
    item_sub INTEGER NOT NULL,
    PRIMARY KEY (reconciliation, side, item_kind, item_id, item_sub)
) WITHOUT ROWID;
-- What the matched items of a side sum up to, by movement (empty where the plan declares none).
CREATE TABLE matched_sum (
    reconciliation TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right', 'left fee', 'right fee')),
    currency_id INTEGER NOT NULL,
    movement TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (reconciliation, side, currency_id, movement)
) WITHOUT ROWID;
-- Names under which a later run asks for what is matched, as numbers.
CREATE TABLE matched_name (
    reconciliation TEXT NOT NULL,
    name INTEGER NOT NULL,
    match_id INTEGER NOT NULL,
    PRIMARY KEY (reconciliation, name, match_id)
) WITHOUT ROWID;
CREATE INDEX match_item_by_match ON match_item (match_id);
-- What a reconciliation has read of a payout: what its lines sum up to, what a line that is the payout itself says, and
-- the fees; how much of it, in how many parts, is matched, and how much of the fees has tied.
CREATE TABLE payout_sum (
    reconciliation TEXT NOT NULL,
    payout_id INTEGER NOT NULL,
    contents INTEGER NOT NULL,
    stated INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    last_on TEXT NOT NULL,
    matched INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    tied_fee INTEGER NOT NULL,
    PRIMARY KEY (reconciliation, payout_id)
) WITHOUT ROWID;
