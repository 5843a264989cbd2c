-- Cash in the ledger's nouns: a movement beside the sender's word, payouts with numbers, items as three
-- integers, and with every file the version and options of its reading.

-- Files that are here were read by the first version of their format.
ALTER TABLE settlement_file ADD COLUMN format_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE settlement_file ADD COLUMN options TEXT NOT NULL DEFAULT '{}';

-- 13: none of the closed list.
ALTER TABLE settlement_line ADD COLUMN movement INTEGER NOT NULL DEFAULT 13;
DROP TRIGGER settlement_line_no_update;
UPDATE settlement_line SET movement = CASE kind
    WHEN 'charge' THEN 1 WHEN 'charge_failure' THEN 1 WHEN 'partial_capture_reversal' THEN 1
    WHEN 'refund' THEN 2 WHEN 'refund_failure' THEN 2
    WHEN 'dispute' THEN 3 WHEN 'dispute_reversal' THEN 4
    WHEN 'fee' THEN 5 WHEN 'network_cost' THEN 5
    WHEN 'payout_failure' THEN 7 WHEN 'payout_reversal' THEN 7
    WHEN 'transfer' THEN 10 WHEN 'transfer_reversal' THEN 10 WHEN 'topup' THEN 10 WHEN 'topup_reversal' THEN 10
    WHEN 'other_adjustment' THEN 11 WHEN 'tax' THEN 12 ELSE 13 END;
CREATE TRIGGER settlement_line_no_update BEFORE UPDATE ON settlement_line
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_line refuses UPDATE'); END;

-- A payout of a processor's account: what its lines name.
CREATE TABLE payout (
    id INTEGER NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    identity TEXT NOT NULL,
    currency_id INTEGER NOT NULL,
    UNIQUE (account, identity, currency_id)
);
INSERT INTO payout (id, account, identity, currency_id)
SELECT ROW_NUMBER() OVER (ORDER BY first_line), account, payout, currency_id
FROM (SELECT MIN(id) AS first_line, account, payout, currency_id FROM settlement_line
    WHERE origin = 'processor' AND payout <> '' GROUP BY account, payout, currency_id) AS paid;
CREATE TRIGGER payout_no_update BEFORE UPDATE ON payout
BEGIN SELECT RAISE(ABORT, 'append-only: payout refuses UPDATE'); END;
CREATE TRIGGER payout_no_delete BEFORE DELETE ON payout
BEGIN SELECT RAISE(ABORT, 'append-only: payout refuses DELETE'); END;

-- Items: 1 a line of an entry, 2 a processor's line, 3 a bank's line, 4 a payout.
CREATE TABLE match_item_by_number (
    reconciliation TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    item_kind INTEGER NOT NULL,
    item_id INTEGER NOT NULL,
    item_sub INTEGER NOT NULL,
    match_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (reconciliation, side, item_kind, item_id, item_sub)
);
INSERT INTO match_item_by_number (reconciliation, side, item_kind, item_id, item_sub, match_id, amount)
SELECT i.reconciliation, i.side,
    CASE WHEN i.item LIKE 'entry:%' THEN 1 WHEN i.item LIKE 'settlement:%' THEN 2 WHEN i.item LIKE 'bank:%' THEN 3 ELSE 4 END,
    CASE WHEN i.item LIKE 'entry:%' THEN CAST(substr(i.item, 7, instr(i.item, '/') - 7) AS INTEGER)
        WHEN i.item LIKE 'settlement:%' THEN CAST(substr(i.item, 12) AS INTEGER)
        WHEN i.item LIKE 'bank:%' THEN CAST(substr(i.item, 6) AS INTEGER)
        ELSE (SELECT MIN(p.id) FROM payout p WHERE p.identity = substr(i.item, 8) AND p.currency_id = m.currency_id) END,
    CASE WHEN i.item LIKE 'entry:%' THEN CAST(substr(i.item, instr(i.item, '/') + 1) AS INTEGER) ELSE 0 END,
    i.match_id, i.amount
FROM match_item i JOIN reconciliation_match m ON m.id = i.match_id;
DROP TABLE match_item;
ALTER TABLE match_item_by_number RENAME TO match_item;
CREATE TRIGGER match_item_no_update BEFORE UPDATE ON match_item
BEGIN SELECT RAISE(ABORT, 'append-only: match_item refuses UPDATE'); END;
CREATE TRIGGER match_item_no_delete BEFORE DELETE ON match_item
BEGIN SELECT RAISE(ABORT, 'append-only: match_item refuses DELETE'); END;

CREATE TABLE finding_item (
    finding_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    item_kind INTEGER NOT NULL,
    item_id INTEGER NOT NULL,
    item_sub INTEGER NOT NULL,
    PRIMARY KEY (finding_id, position)
);
WITH RECURSIVE word (finding_id, currency_id, position, item, rest) AS (
    SELECT id, currency_id, 0, '', items || ' ' FROM finding
    UNION ALL
    SELECT finding_id, currency_id, position + 1, substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1)
    FROM word WHERE instr(rest, ' ') > 0
)
INSERT INTO finding_item (finding_id, position, item_kind, item_id, item_sub)
SELECT finding_id, position, item_kind, item_id, item_sub FROM (
SELECT i.finding_id, i.position,
    CASE WHEN i.item LIKE 'entry:%' THEN 1 WHEN i.item LIKE 'settlement:%' THEN 2 WHEN i.item LIKE 'bank:%' THEN 3 ELSE 4 END AS item_kind,
    CASE WHEN i.item LIKE 'entry:%' THEN CAST(substr(i.item, 7, instr(i.item, '/') - 7) AS INTEGER)
        WHEN i.item LIKE 'settlement:%' THEN CAST(substr(i.item, 12) AS INTEGER)
        WHEN i.item LIKE 'bank:%' THEN CAST(substr(i.item, 6) AS INTEGER)
        ELSE (SELECT MIN(p.id) FROM payout p WHERE p.identity = substr(i.item, 8) AND p.currency_id = i.currency_id) END AS item_id,
    CASE WHEN i.item LIKE 'entry:%' THEN CAST(substr(i.item, instr(i.item, '/') + 1) AS INTEGER) ELSE 0 END AS item_sub
FROM word i WHERE i.item LIKE 'entry:%/%' OR i.item LIKE 'settlement:%' OR i.item LIKE 'bank:%' OR i.item LIKE 'payout:%'
) AS named WHERE item_id IS NOT NULL;
ALTER TABLE finding DROP COLUMN items;
