-- What people match by hand, accept for a while, dispute, and take back.

-- What somebody decided on a day is summed up where a policy limits it.
CREATE INDEX proposal_by_day ON proposal (proposed_at);

-- `accepted`: timing, until a day; `disputed`: somebody is asked, who may be named.
CREATE TABLE case_deed_of_more (
    case_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    deed TEXT NOT NULL CHECK (deed IN ('found', 'cleared', 'returned', 'changed', 'assigned', 'commented', 'explained', 'resolved', 'written-off', 'reopened', 'accepted', 'disputed', 'attached')),
    actor TEXT NOT NULL,
    done_at TEXT NOT NULL,
    why TEXT NOT NULL,
    assignee TEXT NOT NULL,
    amount INTEGER NOT NULL,
    proposal_id INTEGER,
    serial INTEGER NOT NULL DEFAULT 0,
    until_on TEXT,
    PRIMARY KEY (case_id, number),
    CHECK (deed = 'disputed' OR (deed = 'assigned') = (assignee <> '')),
    CHECK ((deed IN ('resolved', 'written-off', 'reopened', 'accepted')) = (proposal_id IS NOT NULL)),
    CHECK ((deed = 'accepted') = (until_on IS NOT NULL))
);
INSERT INTO case_deed_of_more (case_id, number, deed, actor, done_at, why, assignee, amount, proposal_id, serial)
SELECT case_id, number, deed, actor, done_at, why, assignee, amount, proposal_id, serial FROM case_deed;
DROP TABLE case_deed;
ALTER TABLE case_deed_of_more RENAME TO case_deed;
CREATE UNIQUE INDEX case_deed_by_serial ON case_deed (serial);
CREATE TRIGGER case_deed_no_update BEFORE UPDATE ON case_deed
BEGIN SELECT RAISE(ABORT, 'append-only: case_deed refuses UPDATE'); END;
CREATE TRIGGER case_deed_no_delete BEFORE DELETE ON case_deed
BEGIN SELECT RAISE(ABORT, 'append-only: case_deed refuses DELETE'); END;

DROP VIEW match_day;
DROP VIEW matched_item;
-- A match by hand that was taken back. It stays where it was made: `reconciliation_match` and `match_item` show what stands.
CREATE TABLE match_undone (
    id INTEGER NOT NULL PRIMARY KEY,
    match_id INTEGER NOT NULL UNIQUE,
    reconciliation TEXT NOT NULL,
    proposal_id INTEGER NOT NULL,
    why TEXT NOT NULL,
    undone_at TEXT NOT NULL,
    undone_by TEXT NOT NULL
);
CREATE TRIGGER match_undone_no_update BEFORE UPDATE ON match_undone
BEGIN SELECT RAISE(ABORT, 'append-only: match_undone refuses UPDATE'); END;
CREATE TRIGGER match_undone_no_delete BEFORE DELETE ON match_undone
BEGIN SELECT RAISE(ABORT, 'append-only: match_undone refuses DELETE'); END;
ALTER TABLE reconciliation_match RENAME TO reconciliation_match_made;
-- The decision that a match by hand comes from; none for what a pass found.
ALTER TABLE reconciliation_match_made ADD COLUMN proposal_id INTEGER;
CREATE UNIQUE INDEX match_by_proposal ON reconciliation_match_made (proposal_id) WHERE proposal_id IS NOT NULL;
DROP TRIGGER reconciliation_match_no_update;
DROP TRIGGER reconciliation_match_no_delete;
CREATE TRIGGER reconciliation_match_made_no_update BEFORE UPDATE ON reconciliation_match_made
BEGIN SELECT RAISE(ABORT, 'append-only: reconciliation_match_made refuses UPDATE'); END;
CREATE TRIGGER reconciliation_match_made_no_delete BEFORE DELETE ON reconciliation_match_made
BEGIN SELECT RAISE(ABORT, 'append-only: reconciliation_match_made refuses DELETE'); END;
-- The key is what says that nothing is consumed twice. again: how often the item was matched before and taken back; none for
-- never.
CREATE TABLE match_item_made (
    reconciliation TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    item_kind INTEGER NOT NULL,
    item_id INTEGER NOT NULL,
    item_sub INTEGER NOT NULL,
    match_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    serial INTEGER NOT NULL DEFAULT 0,
    again INTEGER CHECK (again > 0)
);
INSERT INTO match_item_made (reconciliation, side, item_kind, item_id, item_sub, match_id, amount, serial)
SELECT reconciliation, side, item_kind, item_id, item_sub, match_id, amount, serial FROM match_item;
DROP TABLE match_item;
CREATE UNIQUE INDEX match_item_once ON match_item_made (reconciliation, side, item_kind, item_id, item_sub, COALESCE(again, 0));
CREATE UNIQUE INDEX match_item_by_serial ON match_item_made (serial);
CREATE INDEX match_item_by_match ON match_item_made (match_id);
CREATE TRIGGER match_item_made_no_update BEFORE UPDATE ON match_item_made
BEGIN SELECT RAISE(ABORT, 'append-only: match_item_made refuses UPDATE'); END;
CREATE TRIGGER match_item_made_no_delete BEFORE DELETE ON match_item_made
BEGIN SELECT RAISE(ABORT, 'append-only: match_item_made refuses DELETE'); END;

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
ALTER TABLE reconciliation_mark ADD COLUMN undone_id INTEGER NOT NULL DEFAULT 0;

-- What people lay beside a break: a file as it was, whose bytes are kept once by their hash.
CREATE TABLE attachment (
    id INTEGER NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    name TEXT NOT NULL CHECK (name <> ''),
    hash BLOB NOT NULL,
    size INTEGER NOT NULL CHECK (size > 0),
    attached_at TEXT NOT NULL,
    attached_by TEXT NOT NULL
);
CREATE INDEX attachment_by_subject ON attachment (subject);
CREATE TABLE attachment_chunk (
    hash BLOB NOT NULL,
    no INTEGER NOT NULL,
    codec INTEGER NOT NULL CHECK (codec IN (0, 1)),
    bytes BLOB NOT NULL,
    PRIMARY KEY (hash, no)
);
CREATE TRIGGER attachment_no_update BEFORE UPDATE ON attachment
BEGIN SELECT RAISE(ABORT, 'append-only: attachment refuses UPDATE'); END;
CREATE TRIGGER attachment_no_delete BEFORE DELETE ON attachment
BEGIN SELECT RAISE(ABORT, 'append-only: attachment refuses DELETE'); END;
CREATE TRIGGER attachment_chunk_no_update BEFORE UPDATE ON attachment_chunk
BEGIN SELECT RAISE(ABORT, 'append-only: attachment_chunk refuses UPDATE'); END;
CREATE TRIGGER attachment_chunk_no_delete BEFORE DELETE ON attachment_chunk
BEGIN SELECT RAISE(ABORT, 'append-only: attachment_chunk refuses DELETE'); END;
