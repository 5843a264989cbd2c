-- Decisions of people. A proposal is one person's; where the policy asks for four eyes it does nothing until
-- another approves it, and then the deed is in the transaction of the decision. Where two eyes suffice, the deed
-- is in the proposal's transaction and nobody's approval stands here. `seen` is the subject as the proposer saw it.
CREATE TABLE proposal (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    seen BLOB NOT NULL,
    payload TEXT NOT NULL,
    why TEXT NOT NULL CHECK (why <> ''),
    eyes INTEGER NOT NULL CHECK (eyes IN (2, 4)),
    role TEXT NOT NULL,
    proposed_by TEXT NOT NULL CHECK (proposed_by <> ''),
    proposed_at TEXT NOT NULL,
    UNIQUE (id, proposed_by),
    CHECK (eyes = 4 OR role = '')
);
-- The proposer stands here again so that the check can see that nobody approves or rejects what is their own.
CREATE TABLE decision (
    proposal_id INTEGER NOT NULL PRIMARY KEY,
    verdict TEXT NOT NULL CHECK (verdict IN ('approved', 'rejected', 'withdrawn')),
    proposed_by TEXT NOT NULL,
    decided_by TEXT NOT NULL CHECK (decided_by <> ''),
    decided_at TEXT NOT NULL,
    why TEXT NOT NULL,
    CHECK ((verdict = 'withdrawn') = (lower(decided_by) = lower(proposed_by))),
    FOREIGN KEY (proposal_id, proposed_by) REFERENCES proposal (id, proposed_by)
);
CREATE TRIGGER proposal_no_update BEFORE UPDATE ON proposal
BEGIN SELECT RAISE(ABORT, 'append-only: proposal refuses UPDATE'); END;
CREATE TRIGGER proposal_no_delete BEFORE DELETE ON proposal
BEGIN SELECT RAISE(ABORT, 'append-only: proposal refuses DELETE'); END;
CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'append-only: decision refuses UPDATE'); END;
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'append-only: decision refuses DELETE'); END;
-- Whoever opens the file without foreign keys is told the same; one person's deed takes no decision.
CREATE TRIGGER decision_of_proposal BEFORE INSERT ON decision
WHEN NOT EXISTS (SELECT 1 FROM proposal p WHERE p.id = new.proposal_id AND p.proposed_by = new.proposed_by AND p.eyes = 4)
BEGIN SELECT RAISE(ABORT, 'four eyes: there is no such proposal of this person that waits for a decision'); END;

-- What the newest run of a reconciliation finds wrong. `lasting`: from a match, which no later run finds again.
CREATE TABLE finding (
    id TEXT NOT NULL PRIMARY KEY,
    reconciliation TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'explained')),
    reference TEXT NOT NULL,
    account TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    since_on TEXT NOT NULL,
    age_days INTEGER NOT NULL,
    items TEXT NOT NULL,
    detail TEXT NOT NULL,
    lasting INTEGER NOT NULL CHECK (lasting IN (0, 1))
);
CREATE INDEX finding_by_reconciliation ON finding (reconciliation);
-- A finding's case: what it was when it was first found, for good, and what happened since. No run changes it.
CREATE TABLE break_case (
    id TEXT NOT NULL PRIMARY KEY,
    reconciliation TEXT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    detail TEXT NOT NULL,
    opened_at TEXT NOT NULL
);
-- Runs say `found`, `cleared`, `returned` and `changed`; the rest are people's deeds.
CREATE TABLE case_deed (
    case_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    deed TEXT NOT NULL CHECK (deed IN ('found', 'cleared', 'returned', 'changed', 'assigned', 'commented', 'explained', 'resolved', 'written-off', 'reopened')),
    actor TEXT NOT NULL,
    done_at TEXT NOT NULL,
    why TEXT NOT NULL,
    assignee TEXT NOT NULL,
    amount INTEGER NOT NULL,
    proposal_id INTEGER,
    PRIMARY KEY (case_id, number),
    CHECK ((deed = 'assigned') = (assignee <> '')),
    CHECK ((deed IN ('resolved', 'written-off', 'reopened')) = (proposal_id IS NOT NULL))
);
CREATE TRIGGER break_case_no_update BEFORE UPDATE ON break_case
BEGIN SELECT RAISE(ABORT, 'append-only: break_case refuses UPDATE'); END;
CREATE TRIGGER break_case_no_delete BEFORE DELETE ON break_case
BEGIN SELECT RAISE(ABORT, 'append-only: break_case refuses DELETE'); END;
CREATE TRIGGER case_deed_no_update BEFORE UPDATE ON case_deed
BEGIN SELECT RAISE(ABORT, 'append-only: case_deed refuses UPDATE'); END;
CREATE TRIGGER case_deed_no_delete BEFORE DELETE ON case_deed
BEGIN SELECT RAISE(ABORT, 'append-only: case_deed refuses DELETE'); END;

INSERT INTO break_case (id, reconciliation, kind, reference, currency_id, amount, detail, opened_at)
SELECT id, reconciliation, kind, reference, currency_id, amount, detail, first_seen_at FROM reconciliation_break;
INSERT INTO case_deed (case_id, number, deed, actor, done_at, why, assignee, amount)
SELECT id, 1, 'found', 'tieout', first_seen_at, detail, '', amount FROM reconciliation_break;
INSERT INTO case_deed (case_id, number, deed, actor, done_at, why, assignee, amount)
SELECT id, 2, 'cleared', 'tieout', last_seen_at, '', '', 0 FROM reconciliation_break WHERE status = 'cleared';
INSERT INTO finding (id, reconciliation, kind, status, reference, account, currency_id, amount, since_on, age_days, items, detail, lasting)
SELECT id, reconciliation, kind, status, reference, account, currency_id, amount, since_on, age_days, items, detail, CASE WHEN lasting THEN 1 ELSE 0 END
FROM reconciliation_break WHERE status <> 'cleared';
DROP TABLE reconciliation_break;

-- Cash by movement as the newest run left it: what waits, and what differs. The totals are summed from the rows.
CREATE TABLE reconciliation_cash (
    reconciliation TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    movement TEXT NOT NULL,
    left_total INTEGER NOT NULL,
    right_total INTEGER NOT NULL,
    left_open INTEGER NOT NULL,
    right_open INTEGER NOT NULL,
    breaks INTEGER NOT NULL,
    PRIMARY KEY (reconciliation, currency_id, movement)
);
