-- What people match by hand, accept for a while, dispute, and take back.

-- What somebody decided on a day is summed up where a policy limits it.
CREATE INDEX proposal_by_day ON proposal (proposed_at);

-- `accepted`: timing, until a day; `disputed`: somebody is asked, who may be named.
ALTER TABLE case_deed ADD COLUMN until_on DATE;
ALTER TABLE case_deed DROP CONSTRAINT case_deed_deed_check;
ALTER TABLE case_deed DROP CONSTRAINT case_deed_check;
ALTER TABLE case_deed DROP CONSTRAINT case_deed_check1;
ALTER TABLE case_deed ADD CONSTRAINT case_deed_deed_check CHECK (deed IN ('found', 'cleared', 'returned', 'changed', 'assigned', 'commented', 'explained', 'resolved', 'written-off', 'reopened', 'accepted', 'disputed', 'attached'));
ALTER TABLE case_deed ADD CONSTRAINT case_deed_check CHECK (deed = 'disputed' OR (deed = 'assigned') = (assignee <> ''));
ALTER TABLE case_deed ADD CONSTRAINT case_deed_check1 CHECK ((deed IN ('resolved', 'written-off', 'reopened', 'accepted')) = (proposal_id IS NOT NULL));
ALTER TABLE case_deed ADD CONSTRAINT case_deed_check2 CHECK ((deed = 'accepted') = (until_on IS NOT NULL));

DROP VIEW match_day;
DROP VIEW matched_item;
-- A match by hand that was taken back. It stays where it was made: `reconciliation_match` and `match_item` show what stands.
CREATE TABLE match_undone (
    id BIGINT NOT NULL PRIMARY KEY,
    match_id BIGINT NOT NULL UNIQUE,
    reconciliation TEXT NOT NULL,
    proposal_id BIGINT NOT NULL,
    why TEXT NOT NULL,
    undone_at TIMESTAMPTZ NOT NULL,
    undone_by TEXT NOT NULL
);
CREATE TRIGGER match_undone_append_only BEFORE UPDATE OR DELETE ON match_undone
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE reconciliation_match RENAME TO reconciliation_match_made;
-- The decision that a match by hand comes from; none for what a pass found.
ALTER TABLE reconciliation_match_made ADD COLUMN proposal_id BIGINT;
CREATE UNIQUE INDEX match_by_proposal ON reconciliation_match_made (proposal_id) WHERE proposal_id IS NOT NULL;
ALTER TRIGGER reconciliation_match_append_only ON reconciliation_match_made RENAME TO reconciliation_match_made_append_only;
-- The key is what says that nothing is consumed twice. again: how often the item was matched before and taken back; none for
-- never.
ALTER TABLE match_item RENAME TO match_item_made;
ALTER TABLE match_item_made ADD COLUMN again BIGINT CHECK (again > 0);
ALTER TABLE match_item_made DROP CONSTRAINT match_item_pkey;
CREATE UNIQUE INDEX match_item_once ON match_item_made (reconciliation, side, item_kind, item_id, item_sub, COALESCE(again, 0));
ALTER TRIGGER match_item_append_only ON match_item_made RENAME TO match_item_made_append_only;

CREATE VIEW reconciliation_match AS
SELECT m.id, m.reconciliation, m.pass, m.currency_id, m.left_amount, m.right_amount, m.explanation, m.matched_at, m.proposal_id
FROM reconciliation_match_made m WHERE NOT EXISTS (SELECT 1 FROM match_undone u WHERE u.match_id = m.id);
CREATE VIEW match_item AS
SELECT i.reconciliation, i.side, i.item_kind, i.item_id, i.item_sub, i.match_id, i.amount, i.serial
FROM match_item_made i WHERE NOT EXISTS (SELECT 1 FROM match_undone u WHERE u.match_id = i.match_id);

-- What matches consumed, with the day on which it counts.
CREATE VIEW matched_item AS
SELECT i.match_id, i.reconciliation, i.side, i.item_kind, i.item_id, i.item_sub, i.amount, m.currency_id,
    CASE i.item_kind WHEN 1 THEN e.accounting_on WHEN 4 THEN p.on_day ELSE l.booked_on END AS on_day,
    CASE i.item_kind WHEN 1 THEN '' WHEN 4 THEN p.account ELSE l.account END AS account,
    CASE i.item_kind WHEN 1 THEN e.reference WHEN 4 THEN p.identity ELSE l.reference END AS reference
FROM match_item i JOIN reconciliation_match m ON m.id = i.match_id
LEFT JOIN entry e ON i.item_kind = 1 AND e.id = i.item_id
LEFT JOIN settlement_line_received l ON i.item_kind IN (2, 3) AND l.id = i.item_id
LEFT JOIN (
    SELECT q.id, q.account, q.identity, MAX(COALESCE(k.paid_on, k.booked_on)) AS on_day
    FROM payout q JOIN settlement_line k ON k.origin = 'processor' AND k.account = q.account AND k.payout = q.identity AND k.currency_id = q.currency_id
    GROUP BY q.id, q.account, q.identity) p ON i.item_kind = 4 AND p.id = i.item_id;

-- The day from which a match is whole: that of its last item.
CREATE VIEW match_day AS
SELECT match_id, reconciliation, MAX(on_day) AS done_on FROM matched_item GROUP BY match_id, reconciliation;

-- Up to which taking back a reconciliation has read.
ALTER TABLE reconciliation_mark ADD COLUMN undone_id BIGINT NOT NULL DEFAULT 0;

-- What people lay beside a break: a file as it was, whose bytes are kept once by their hash.
CREATE TABLE attachment (
    id BIGINT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    name TEXT NOT NULL CHECK (name <> ''),
    hash BYTEA NOT NULL,
    size BIGINT NOT NULL CHECK (size > 0),
    attached_at TIMESTAMPTZ NOT NULL,
    attached_by TEXT NOT NULL
);
CREATE INDEX attachment_by_subject ON attachment (subject);
CREATE TABLE attachment_chunk (
    hash BYTEA NOT NULL,
    no BIGINT NOT NULL,
    codec BIGINT NOT NULL CHECK (codec IN (0, 1)),
    bytes BYTEA NOT NULL,
    PRIMARY KEY (hash, no)
);
CREATE TRIGGER attachment_append_only BEFORE UPDATE OR DELETE ON attachment
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attachment_chunk_append_only BEFORE UPDATE OR DELETE ON attachment_chunk
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
