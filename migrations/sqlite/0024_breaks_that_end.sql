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
CREATE INDEX correction_by_event ON correction (event_id);
-- What was posted about breaks, each with whether an entry of it stands.
CREATE VIEW break_posting_now AS
SELECT p.proposal_id, p.case_id, p.event_id, p.first_entry, p.entries, p.amount,
    p.entries + (SELECT COUNT(*) FROM correction c WHERE c.event_id = p.event_id AND c.reverses IS NULL)
        > (SELECT COUNT(*) FROM correction c WHERE c.event_id = p.event_id AND c.reverses IS NOT NULL) AS standing
FROM break_posting p;
-- Proposals that were carried out: one person's, or approved by another.
CREATE VIEW carried_out AS
SELECT p.id, p.kind, p.subject FROM proposal p LEFT JOIN decision v ON v.proposal_id = p.id
WHERE p.eyes <> 4 OR v.verdict = 'approved';
-- What waits for another person is looked for by kind and by subject.
CREATE INDEX proposal_of_two ON proposal (kind) WHERE eyes = 4;
