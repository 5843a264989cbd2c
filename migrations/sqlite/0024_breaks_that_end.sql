-- Entries that end breaks. A decision about a break makes an event, which a rule of the mapping posts as it posts any other, in
-- the transaction of the decision. amount: how much of the break it takes away, left less right, in minor units.
CREATE TABLE break_posting (
    proposal_id INTEGER NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    event_id INTEGER NOT NULL UNIQUE,
    first_entry INTEGER NOT NULL,
    entries INTEGER NOT NULL CHECK (entries > 0),
    amount INTEGER NOT NULL CHECK (amount <> 0)
);
CREATE INDEX break_posting_by_case ON break_posting (case_id);
CREATE TRIGGER break_posting_no_update BEFORE UPDATE ON break_posting
BEGIN SELECT RAISE(ABORT, 'append-only: break_posting refuses UPDATE'); END;
CREATE TRIGGER break_posting_no_delete BEFORE DELETE ON break_posting
BEGIN SELECT RAISE(ABORT, 'append-only: break_posting refuses DELETE'); END;
