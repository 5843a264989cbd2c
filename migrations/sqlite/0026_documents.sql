-- A batch leaves as documents, each of which has its own number and gets its own answer. A batch without rows here is one
-- document: its file. Amounts are in minor units of the currency of the entity's books.
CREATE TABLE batch_document (
    batch_id INTEGER NOT NULL,
    no INTEGER NOT NULL CHECK (no > 0),
    number TEXT NOT NULL,
    entry_id INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    currency_id INTEGER NOT NULL,
    debit INTEGER NOT NULL,
    PRIMARY KEY (batch_id, no)
);
CREATE INDEX batch_document_number ON batch_document (number);
-- What a target said of a document. state: 1 delivered, 2 acknowledged (read back, and equal to what was sent), 3 rejected,
-- 4 unknown, 6 differs. theirs: what the target calls it.
CREATE TABLE document_answer (
    id INTEGER NOT NULL PRIMARY KEY,
    batch_id INTEGER NOT NULL,
    no INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (1, 2, 3, 4, 6)),
    theirs TEXT NOT NULL,
    words TEXT NOT NULL,
    UNIQUE (batch_id, no, attempt),
    FOREIGN KEY (batch_id, no) REFERENCES batch_document (batch_id, no)
);
-- An attempt begins before anything is sent, so that a process that dies meanwhile leaves a word of it.
CREATE TABLE delivery_begun (
    batch_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    begun_at TEXT NOT NULL,
    begun_by TEXT NOT NULL,
    PRIMARY KEY (batch_id, attempt)
);
DROP VIEW batch_entry;
DROP VIEW batch_state;
-- Entries that a batch could not hold leave in a batch that supplements it: one after the other, until none is left.
CREATE TABLE batch_range_of_more (
    batch_id INTEGER NOT NULL PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    target_id INTEGER NOT NULL REFERENCES target (id),
    number INTEGER NOT NULL,
    first_entry INTEGER NOT NULL,
    last_entry INTEGER NOT NULL,
    follows INTEGER,
    ends INTEGER,
    replaces INTEGER UNIQUE REFERENCES batch_release (batch_id),
    claimed_at TEXT NOT NULL,
    claimed_by TEXT NOT NULL,
    supplements INTEGER UNIQUE REFERENCES batch (id),
    partial INTEGER CHECK (partial = 1),
    UNIQUE (target_id, number),
    UNIQUE (target_id, follows),
    UNIQUE (target_id, ends),
    UNIQUE (batch_id, target_id, first_entry, last_entry),
    FOREIGN KEY (target_id, follows) REFERENCES batch_range_of_more (target_id, ends),
    FOREIGN KEY (replaces, target_id, first_entry, last_entry)
        REFERENCES batch_range_of_more (batch_id, target_id, first_entry, last_entry),
    FOREIGN KEY (supplements, target_id, first_entry, last_entry)
        REFERENCES batch_range_of_more (batch_id, target_id, first_entry, last_entry),
    CHECK (first_entry > 0 AND last_entry >= first_entry),
    CHECK (supplements IS NULL OR (replaces IS NULL AND partial IS NOT NULL)),
    CHECK (CASE WHEN replaces IS NULL AND supplements IS NULL
        THEN COALESCE(follows, 0) = first_entry - 1 AND COALESCE(ends, 0) = last_entry
        ELSE follows IS NULL AND ends IS NULL END)
);
INSERT INTO batch_range_of_more (batch_id, uuid, target_id, number, first_entry, last_entry, follows, ends, replaces, claimed_at, claimed_by)
SELECT batch_id, uuid, target_id, number, first_entry, last_entry, follows, ends, replaces, claimed_at, claimed_by
FROM batch_range ORDER BY batch_id;
DROP TABLE batch_range;
ALTER TABLE batch_range_of_more RENAME TO batch_range;
CREATE UNIQUE INDEX batch_range_first ON batch_range (target_id) WHERE first_entry = 1 AND replaces IS NULL AND supplements IS NULL;
CREATE TRIGGER batch_range_no_update BEFORE UPDATE ON batch_range
BEGIN SELECT RAISE(ABORT, 'append-only: batch_range refuses UPDATE'); END;
CREATE TRIGGER batch_range_no_delete BEFORE DELETE ON batch_range
BEGIN SELECT RAISE(ABORT, 'append-only: batch_range refuses DELETE'); END;
-- The document into which an entry was summed up, where a batch holds sums.
CREATE TABLE batch_summary (
    id INTEGER NOT NULL PRIMARY KEY,
    batch_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    number TEXT NOT NULL,
    UNIQUE (batch_id, entry_id)
);
-- Entries that a batch claimed and that could not be written for its target, which holds up them alone. `own` is 0 where the batch
-- that this one replaces left them out already.
CREATE TABLE batch_held (
    id INTEGER NOT NULL PRIMARY KEY,
    batch_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    own INTEGER NOT NULL CHECK (own IN (0, 1)),
    why TEXT NOT NULL,
    UNIQUE (batch_id, entry_id)
);
-- The entries that a partial batch claimed, of those between its first and its last.
CREATE TABLE batch_taken (
    id INTEGER NOT NULL PRIMARY KEY,
    batch_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    UNIQUE (batch_id, entry_id)
);
-- An entry is in one batch of a target that was not released.
CREATE VIEW batch_entry AS
SELECT r.target_id, e.id AS entry_id, r.batch_id
FROM batch_range r JOIN entry e ON e.id BETWEEN r.first_entry AND r.last_entry
WHERE NOT EXISTS (SELECT 1 FROM batch_release x WHERE x.batch_id = r.batch_id)
    AND NOT EXISTS (SELECT 1 FROM batch_held h WHERE h.batch_id = r.batch_id AND h.entry_id = e.id)
    AND (r.partial IS NULL OR EXISTS (SELECT 1 FROM batch_taken t WHERE t.batch_id = r.batch_id AND t.entry_id = e.id));
-- The state of a batch, for everybody who asks. It is that of its best attempt: acknowledged before delivered, and
-- otherwise the latest; a later attempt of which nobody knows never hides an earlier one that arrived, and what its target
-- refuses after it arrived is refused. `state` is
-- 1 delivered, 2 acknowledged, 3 rejected, 4 unknown, 5 released, 7 sending (an export is at it, or died while it was), and
-- NULL while it was never sent. It is `due` for the next export unless it arrived, was released, or was rejected and nobody
-- decided to send it again; `resent` where somebody did after this attempt.
CREATE VIEW batch_state AS
SELECT r.batch_id, r.target_id, r.uuid, r.number, r.first_entry, r.last_entry,
    CASE r.partial WHEN 1 THEN (SELECT CAST(COUNT(*) AS BIGINT) FROM batch_taken t WHERE t.batch_id = r.batch_id)
        ELSE r.last_entry - r.first_entry + 1 END
        - (SELECT CAST(COUNT(*) AS BIGINT) FROM batch_held h WHERE h.batch_id = r.batch_id) AS entries, r.replaces,
    CAST(CASE WHEN x.batch_id IS NOT NULL THEN 5 WHEN d.kind IN (1, 2) THEN d.kind WHEN b.attempt IS NOT NULL THEN 7
        ELSE d.kind END AS BIGINT) AS state,
    CAST(CASE WHEN x.batch_id IS NOT NULL OR d.kind IN (1, 2) OR (b.attempt IS NULL AND d.kind = 3 AND s.batch_id IS NULL)
        THEN 0 ELSE 1 END AS BIGINT) AS due,
    CASE WHEN d.kind IN (1, 2) THEN d.attempt ELSE COALESCE(b.attempt, d.attempt) END AS attempt,
    d.message, d.attempted_at,
    CAST(CASE WHEN s.batch_id IS NULL THEN 0 ELSE 1 END AS BIGINT) AS resent
FROM batch_range r
LEFT JOIN batch_release x ON x.batch_id = r.batch_id
LEFT JOIN delivery d ON d.batch_id = r.batch_id AND d.attempt = (
    SELECT l.attempt FROM delivery l WHERE l.batch_id = r.batch_id
    ORDER BY CASE WHEN l.kind NOT IN (1, 2) OR EXISTS (SELECT 1 FROM delivery n WHERE n.batch_id = l.batch_id AND n.kind = 3
        AND n.attempt > l.attempt) THEN 3 WHEN l.kind = 2 THEN 1 ELSE 2 END, l.attempt DESC LIMIT 1)
LEFT JOIN delivery_begun b ON b.batch_id = r.batch_id AND b.attempt = (
    SELECT MAX(l.attempt) FROM delivery_begun l WHERE l.batch_id = r.batch_id)
    AND NOT EXISTS (SELECT 1 FROM delivery l WHERE l.batch_id = r.batch_id AND l.attempt >= b.attempt)
LEFT JOIN batch_resend s ON s.batch_id = r.batch_id AND s.attempt = COALESCE(b.attempt, d.attempt);

-- A document in the state of what is known best: the latest answer that knows, else the latest. A document of a batch
-- that was released is no document any more: the batch that replaces it has its entries.
CREATE VIEW document_state AS
SELECT d.batch_id, s.target_id, d.no, d.number, d.entry_id, d.entries, d.lines, d.currency_id, d.debit, a.attempt,
    COALESCE(a.theirs, '') AS theirs, COALESCE(a.words, '') AS words,
    CAST(CASE WHEN s.state = 5 THEN 5 WHEN a.state IN (1, 2, 3, 6) THEN a.state WHEN s.state = 7 THEN 7
        ELSE a.state END AS BIGINT) AS state
FROM batch_document d
JOIN batch_state s ON s.batch_id = d.batch_id
LEFT JOIN document_answer a ON a.batch_id = d.batch_id AND a.no = d.no AND a.attempt = (
    SELECT l.attempt FROM document_answer l WHERE l.batch_id = d.batch_id AND l.no = d.no
    ORDER BY CASE l.state WHEN 4 THEN 2 ELSE 1 END, l.attempt DESC LIMIT 1);

CREATE TRIGGER batch_document_no_update BEFORE UPDATE ON batch_document
BEGIN SELECT RAISE(ABORT, 'append-only: batch_document refuses UPDATE'); END;
CREATE TRIGGER batch_document_no_delete BEFORE DELETE ON batch_document
BEGIN SELECT RAISE(ABORT, 'append-only: batch_document refuses DELETE'); END;
CREATE TRIGGER document_answer_no_update BEFORE UPDATE ON document_answer
BEGIN SELECT RAISE(ABORT, 'append-only: document_answer refuses UPDATE'); END;
CREATE TRIGGER document_answer_no_delete BEFORE DELETE ON document_answer
BEGIN SELECT RAISE(ABORT, 'append-only: document_answer refuses DELETE'); END;
CREATE TRIGGER delivery_begun_no_update BEFORE UPDATE ON delivery_begun
BEGIN SELECT RAISE(ABORT, 'append-only: delivery_begun refuses UPDATE'); END;
CREATE TRIGGER delivery_begun_no_delete BEFORE DELETE ON delivery_begun
BEGIN SELECT RAISE(ABORT, 'append-only: delivery_begun refuses DELETE'); END;
CREATE TRIGGER batch_held_no_update BEFORE UPDATE ON batch_held
BEGIN SELECT RAISE(ABORT, 'append-only: batch_held refuses UPDATE'); END;
CREATE TRIGGER batch_held_no_delete BEFORE DELETE ON batch_held
BEGIN SELECT RAISE(ABORT, 'append-only: batch_held refuses DELETE'); END;
CREATE TRIGGER batch_taken_no_update BEFORE UPDATE ON batch_taken
BEGIN SELECT RAISE(ABORT, 'append-only: batch_taken refuses UPDATE'); END;
CREATE TRIGGER batch_taken_no_delete BEFORE DELETE ON batch_taken
BEGIN SELECT RAISE(ABORT, 'append-only: batch_taken refuses DELETE'); END;
CREATE TRIGGER batch_summary_no_update BEFORE UPDATE ON batch_summary
BEGIN SELECT RAISE(ABORT, 'append-only: batch_summary refuses UPDATE'); END;
CREATE TRIGGER batch_summary_no_delete BEFORE DELETE ON batch_summary
BEGIN SELECT RAISE(ABORT, 'append-only: batch_summary refuses DELETE'); END;
