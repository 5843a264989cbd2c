-- Cash in the ledger's nouns: a movement beside the sender's word, payouts with numbers, items as three
-- integers, and with every file the version and options of its reading.

-- Files that are here were read by the first version of their format.
ALTER TABLE settlement_file ADD COLUMN format_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE settlement_file ADD COLUMN options TEXT NOT NULL DEFAULT '{}';

-- 13: none of the closed list.
ALTER TABLE settlement_line ADD COLUMN movement BIGINT NOT NULL DEFAULT 13;
DROP TRIGGER settlement_line_append_only ON settlement_line;
UPDATE settlement_line SET movement = CASE kind
    WHEN 'charge' THEN 1 WHEN 'charge_failure' THEN 1 WHEN 'partial_capture_reversal' THEN 1
    WHEN 'refund' THEN 2 WHEN 'refund_failure' THEN 2
    WHEN 'dispute' THEN 3 WHEN 'dispute_reversal' THEN 4
    WHEN 'fee' THEN 5 WHEN 'network_cost' THEN 5
    WHEN 'payout_failure' THEN 7 WHEN 'payout_reversal' THEN 7
    WHEN 'transfer' THEN 10 WHEN 'transfer_reversal' THEN 10 WHEN 'topup' THEN 10 WHEN 'topup_reversal' THEN 10
    WHEN 'other_adjustment' THEN 11 WHEN 'tax' THEN 12 ELSE 13 END;
CREATE TRIGGER settlement_line_append_only BEFORE UPDATE OR DELETE ON settlement_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A payout of a processor's account: what its lines name.
CREATE TABLE payout (
    id BIGINT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    identity TEXT NOT NULL,
    currency_id BIGINT NOT NULL,
    UNIQUE (account, identity, currency_id)
);
INSERT INTO payout (id, account, identity, currency_id)
SELECT ROW_NUMBER() OVER (ORDER BY first_line), account, payout, currency_id
FROM (SELECT MIN(id) AS first_line, account, payout, currency_id FROM settlement_line
    WHERE origin = 'processor' AND payout <> '' GROUP BY account, payout, currency_id) AS paid;
CREATE TRIGGER payout_append_only BEFORE UPDATE OR DELETE ON payout
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Items: 1 a line of an entry, 2 a processor's line, 3 a bank's line, 4 a payout.
CREATE TABLE match_item_by_number (
    reconciliation TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    item_kind BIGINT NOT NULL,
    item_id BIGINT NOT NULL,
    item_sub BIGINT NOT NULL,
    match_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (reconciliation, side, item_kind, item_id, item_sub)
);
INSERT INTO match_item_by_number (reconciliation, side, item_kind, item_id, item_sub, match_id, amount)
SELECT i.reconciliation, i.side,
    CASE split_part(i.item, ':', 1) WHEN 'entry' THEN 1 WHEN 'settlement' THEN 2 WHEN 'bank' THEN 3 ELSE 4 END,
    CASE WHEN i.item LIKE 'payout:%'
        THEN (SELECT MIN(p.id) FROM payout p WHERE p.identity = substr(i.item, 8) AND p.currency_id = m.currency_id)
        ELSE CAST(split_part(split_part(i.item, ':', 2), '/', 1) AS BIGINT) END,
    CASE WHEN i.item LIKE 'entry:%' THEN CAST(split_part(i.item, '/', 2) AS BIGINT) ELSE 0 END,
    i.match_id, i.amount
FROM match_item i JOIN reconciliation_match m ON m.id = i.match_id;
DROP TABLE match_item;
ALTER TABLE match_item_by_number RENAME TO match_item;
ALTER TABLE match_item RENAME CONSTRAINT match_item_by_number_pkey TO match_item_pkey;
ALTER TABLE match_item RENAME CONSTRAINT match_item_by_number_side_check TO match_item_side_check;
CREATE TRIGGER match_item_append_only BEFORE UPDATE OR DELETE ON match_item
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE finding_item (
    finding_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    item_kind BIGINT NOT NULL,
    item_id BIGINT NOT NULL,
    item_sub BIGINT NOT NULL,
    PRIMARY KEY (finding_id, position)
);
INSERT INTO finding_item (finding_id, position, item_kind, item_id, item_sub)
SELECT finding_id, position, item_kind, item_id, item_sub FROM (
SELECT b.id AS finding_id, i.position,
    CASE split_part(i.item, ':', 1) WHEN 'entry' THEN 1 WHEN 'settlement' THEN 2 WHEN 'bank' THEN 3 ELSE 4 END AS item_kind,
    CASE WHEN i.item LIKE 'payout:%'
        THEN (SELECT MIN(p.id) FROM payout p WHERE p.identity = substr(i.item, 8) AND p.currency_id = b.currency_id)
        ELSE CAST(split_part(split_part(i.item, ':', 2), '/', 1) AS BIGINT) END AS item_id,
    CASE WHEN i.item LIKE 'entry:%' THEN CAST(split_part(i.item, '/', 2) AS BIGINT) ELSE 0 END AS item_sub
FROM finding b, LATERAL unnest(string_to_array(b.items, ' ')) WITH ORDINALITY AS i (item, position)
WHERE i.item LIKE 'entry:%/%' OR i.item LIKE 'settlement:%' OR i.item LIKE 'bank:%' OR i.item LIKE 'payout:%'
) AS named WHERE item_id IS NOT NULL;
ALTER TABLE finding DROP COLUMN items;
