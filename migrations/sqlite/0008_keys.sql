-- Keys are hashes: an index over all of them is written at random places, more of them the larger it
-- is. Ordered by run first (65,536 events that arrived one after the other), inserts stay in the newest
-- run; that a key is in no older one, the filters tell.
DROP VIEW journal_line;
DROP VIEW trial_balance;
DROP TRIGGER event_no_update;
DROP TRIGGER event_no_delete;
CREATE TABLE event_by_run (
    id INTEGER NOT NULL PRIMARY KEY,
    key BLOB NOT NULL,
    content_hash BLOB NOT NULL,
    origin_id INTEGER NOT NULL,
    event_type_id INTEGER NOT NULL,
    partition_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    occurred_at TEXT NOT NULL,
    received_at TEXT NOT NULL,
    payload BLOB NOT NULL
);
INSERT INTO event_by_run (id, key, content_hash, origin_id, event_type_id, partition_id, position, occurred_at, received_at, payload)
    SELECT id, key, content_hash, origin_id, event_type_id, partition_id, position, occurred_at, received_at, payload FROM event;
DROP TABLE event;
ALTER TABLE event_by_run RENAME TO event;
CREATE UNIQUE INDEX event_key ON event (id >> 16, key);
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'append-only: event refuses UPDATE'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'append-only: event refuses DELETE'); END;

-- The filter of a full run: which keys it may hold.
CREATE TABLE key_filter (
    run INTEGER NOT NULL PRIMARY KEY,
    bits BLOB NOT NULL
);
CREATE TRIGGER key_filter_no_update BEFORE UPDATE ON key_filter
BEGIN SELECT RAISE(ABORT, 'append-only: key_filter refuses UPDATE'); END;
CREATE TRIGGER key_filter_no_delete BEFORE DELETE ON key_filter
BEGIN SELECT RAISE(ABORT, 'append-only: key_filter refuses DELETE'); END;

-- The views as they were.
CREATE VIEW journal_line AS
SELECT en.code AS entity, p.code AS period, e.accounting_on, e.id AS entry_id, l.line_no,
    CASE e.kind WHEN 1 THEN 'original' WHEN 2 THEN 'reversal' WHEN 3 THEN 'adjustment'
        WHEN 4 THEN 'recognition' ELSE 'revaluation' END AS kind,
    e.reference, a.code AS account_code, a.name AS account,
    CASE l.side WHEN 1 THEN 'debit' ELSE 'credit' END AS side,
    CASE c.exponent WHEN 0 THEN CAST(l.amount AS TEXT) ELSE
        CAST(l.amount / c.units AS TEXT) || '.' || substr('0000' || CAST(l.amount % c.units AS TEXT), -c.exponent) END AS amount, c.code AS currency,
    CASE f.exponent WHEN 0 THEN CAST(l.functional AS TEXT) ELSE
        CAST(l.functional / f.units AS TEXT) || '.' || substr('0000' || CAST(l.functional % f.units AS TEXT), -f.exponent) END AS functional_amount, f.code AS functional_currency,
    d.content AS dimensions, e.description, r.name AS rule, e.event_id
FROM line l
JOIN entry e ON e.id = l.entry_id
JOIN entity en ON en.id = e.entity_id
JOIN period p ON p.id = e.period_id
JOIN account a ON a.id = l.account_id
JOIN currency c ON c.id = l.currency_id
JOIN currency f ON f.id = en.functional_id
JOIN rule r ON r.id = e.rule_id
LEFT JOIN dimension_set d ON d.id = l.dimension_set_id;

CREATE VIEW trial_balance AS
SELECT en.code AS entity, p.code AS period, a.code AS account_code, a.name AS account,
    a.type, c.code AS currency, CASE c.exponent WHEN 0 THEN CAST(b.debit AS TEXT) ELSE
        CAST(b.debit / c.units AS TEXT) || '.' || substr('0000' || CAST(b.debit % c.units AS TEXT), -c.exponent) END AS debit, CASE c.exponent WHEN 0 THEN CAST(b.credit AS TEXT) ELSE
        CAST(b.credit / c.units AS TEXT) || '.' || substr('0000' || CAST(b.credit % c.units AS TEXT), -c.exponent) END AS credit
FROM balance b
JOIN entity en ON en.id = b.entity_id
JOIN period p ON p.id = b.period_id
JOIN account a ON a.id = b.account_id
JOIN currency c ON c.id = b.currency_id;
