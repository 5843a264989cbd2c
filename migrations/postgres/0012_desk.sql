-- Decisions of people. A proposal is one person's; where the policy asks for four eyes it does nothing until
-- another approves it, and then the deed is in the transaction of the decision. Where two eyes suffice, the deed
-- is in the proposal's transaction and nobody's approval stands here. `seen` is the subject as the proposer saw it.
CREATE TABLE proposal (
    id BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    seen BYTEA NOT NULL,
    payload TEXT NOT NULL,
    why TEXT NOT NULL CHECK (why <> ''),
    eyes BIGINT NOT NULL CHECK (eyes IN (2, 4)),
    role TEXT NOT NULL,
    proposed_by TEXT NOT NULL CHECK (proposed_by <> ''),
    proposed_at TIMESTAMPTZ NOT NULL,
    UNIQUE (id, proposed_by),
    CHECK (eyes = 4 OR role = '')
);
-- The proposer stands here again so that the check can see that nobody approves or rejects what is their own.
CREATE TABLE decision (
    proposal_id BIGINT NOT NULL PRIMARY KEY,
    verdict TEXT NOT NULL CHECK (verdict IN ('approved', 'rejected', 'withdrawn')),
    proposed_by TEXT NOT NULL,
    decided_by TEXT NOT NULL CHECK (decided_by <> ''),
    decided_at TIMESTAMPTZ NOT NULL,
    why TEXT NOT NULL,
    CHECK ((verdict = 'withdrawn') = (lower(decided_by) = lower(proposed_by))),
    FOREIGN KEY (proposal_id, proposed_by) REFERENCES proposal (id, proposed_by)
);
CREATE TRIGGER proposal_append_only BEFORE UPDATE OR DELETE ON proposal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE ON decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- One person's deed takes no decision.
CREATE FUNCTION refuse_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM proposal p WHERE p.id = new.proposal_id AND p.proposed_by = new.proposed_by AND p.eyes = 4) THEN
        RAISE EXCEPTION 'four eyes: there is no such proposal of this person that waits for a decision';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER decision_of_proposal BEFORE INSERT ON decision
    FOR EACH ROW EXECUTE FUNCTION refuse_decision();

-- What the newest run of a reconciliation finds wrong. `lasting`: from a match, which no later run finds again.
CREATE TABLE finding (
    id TEXT NOT NULL PRIMARY KEY,
    reconciliation TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'explained')),
    reference TEXT NOT NULL,
    account TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    since_on DATE NOT NULL,
    age_days BIGINT NOT NULL,
    items TEXT NOT NULL,
    detail TEXT NOT NULL,
    lasting BIGINT NOT NULL CHECK (lasting IN (0, 1))
);
CREATE INDEX finding_by_reconciliation ON finding (reconciliation);
-- A finding's case: what it was when it was first found, for good, and what happened since. No run changes it.
CREATE TABLE break_case (
    id TEXT NOT NULL PRIMARY KEY,
    reconciliation TEXT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    detail TEXT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL
);
-- Runs say `found`, `cleared`, `returned` and `changed`; the rest are people's deeds.
CREATE TABLE case_deed (
    case_id TEXT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    deed TEXT NOT NULL CHECK (deed IN ('found', 'cleared', 'returned', 'changed', 'assigned', 'commented', 'explained', 'resolved', 'written-off', 'reopened')),
    actor TEXT NOT NULL,
    done_at TIMESTAMPTZ NOT NULL,
    why TEXT NOT NULL,
    assignee TEXT NOT NULL,
    amount BIGINT NOT NULL,
    proposal_id BIGINT,
    PRIMARY KEY (case_id, number),
    CHECK ((deed = 'assigned') = (assignee <> '')),
    CHECK ((deed IN ('resolved', 'written-off', 'reopened')) = (proposal_id IS NOT NULL))
);
CREATE TRIGGER break_case_append_only BEFORE UPDATE OR DELETE ON break_case
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER case_deed_append_only BEFORE UPDATE OR DELETE ON case_deed
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

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
    currency_id BIGINT NOT NULL,
    movement TEXT NOT NULL,
    left_total BIGINT NOT NULL,
    right_total BIGINT NOT NULL,
    left_open BIGINT NOT NULL,
    right_open BIGINT NOT NULL,
    breaks BIGINT NOT NULL,
    PRIMARY KEY (reconciliation, currency_id, movement)
);
