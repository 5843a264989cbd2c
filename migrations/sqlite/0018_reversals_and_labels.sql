-- The day to which an entry belongs, where that day's period was closed and it stands on a later one.
ALTER TABLE entry ADD COLUMN event_on TEXT;

-- Entries that an event's rule made to take another back, and how much of it: `rest`, or a share of the whole.
CREATE TABLE reversal (
    entry_id INTEGER NOT NULL PRIMARY KEY,
    reverses INTEGER NOT NULL,
    part TEXT NOT NULL
);
CREATE INDEX reversal_of ON reversal (reverses, entry_id);
CREATE TRIGGER reversal_no_update BEFORE UPDATE ON reversal
BEGIN SELECT RAISE(ABORT, 'append-only: reversal refuses UPDATE'); END;
CREATE TRIGGER reversal_no_delete BEFORE DELETE ON reversal
BEGIN SELECT RAISE(ABORT, 'append-only: reversal refuses DELETE'); END;

-- What an account is called from a day on. What was called otherwise before keeps that.
CREATE TABLE account_label (
    id INTEGER NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id),
    from_on TEXT NOT NULL,
    name TEXT NOT NULL,
    code TEXT NOT NULL
);
CREATE INDEX account_label_of ON account_label (account_id, from_on);
CREATE TRIGGER account_label_no_update BEFORE UPDATE ON account_label
BEGIN SELECT RAISE(ABORT, 'append-only: account_label refuses UPDATE'); END;
CREATE TRIGGER account_label_no_delete BEFORE DELETE ON account_label
BEGIN SELECT RAISE(ABORT, 'append-only: account_label refuses DELETE'); END;
INSERT INTO account_label (id, account_id, from_on, name, code)
SELECT id, id, '0001-01-01', name, code FROM account;

DROP VIEW journal_line;
DROP VIEW trial_balance;
CREATE VIEW journal_line AS
SELECT en.code AS entity, p.code AS period, e.accounting_on, e.event_on, e.id AS entry_id, l.line_no,
    CASE e.kind WHEN 1 THEN 'original' WHEN 2 THEN 'reversal' WHEN 3 THEN 'adjustment'
        WHEN 4 THEN 'recognition' ELSE 'revaluation' END AS kind,
    e.reference,
    COALESCE((SELECT x.code FROM account_label x WHERE x.account_id = a.id AND x.from_on <= e.accounting_on ORDER BY x.from_on DESC, x.id DESC LIMIT 1), a.code) AS account_code,
    COALESCE((SELECT x.name FROM account_label x WHERE x.account_id = a.id AND x.from_on <= e.accounting_on ORDER BY x.from_on DESC, x.id DESC LIMIT 1), a.name) AS account,
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
SELECT en.code AS entity, p.code AS period,
    COALESCE((SELECT x.code FROM account_label x WHERE x.account_id = a.id AND x.from_on <= p.end_on ORDER BY x.from_on DESC, x.id DESC LIMIT 1), a.code) AS account_code,
    COALESCE((SELECT x.name FROM account_label x WHERE x.account_id = a.id AND x.from_on <= p.end_on ORDER BY x.from_on DESC, x.id DESC LIMIT 1), a.name) AS account,
    a.type, c.code AS currency, CASE c.exponent WHEN 0 THEN CAST(b.debit AS TEXT) ELSE
        CAST(b.debit / c.units AS TEXT) || '.' || substr('0000' || CAST(b.debit % c.units AS TEXT), -c.exponent) END AS debit, CASE c.exponent WHEN 0 THEN CAST(b.credit AS TEXT) ELSE
        CAST(b.credit / c.units AS TEXT) || '.' || substr('0000' || CAST(b.credit % c.units AS TEXT), -c.exponent) END AS credit
FROM balance b
JOIN entity en ON en.id = b.entity_id
JOIN period p ON p.id = b.period_id
JOIN account a ON a.id = b.account_id
JOIN currency c ON c.id = b.currency_id;

-- A person's word that the first content stands is a proposal that was carried out.
CREATE VIEW accepted_conflict AS
SELECT p.subject, p.proposed_by, p.why FROM proposal p WHERE p.kind = 'conflict-accept'
    AND (p.eyes = 2 OR EXISTS (SELECT 1 FROM decision d WHERE d.proposal_id = p.id AND d.verdict = 'approved'));
