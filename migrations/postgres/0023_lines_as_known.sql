-- A line as it came keeps its row; `settlement_line` shows it as it is known now, with what later sights added.

DROP VIEW counted_line;
ALTER TABLE settlement_line RENAME TO settlement_line_received;
DROP TRIGGER settlement_line_append_only ON settlement_line_received;
CREATE TRIGGER settlement_line_received_append_only BEFORE UPDATE OR DELETE ON settlement_line_received
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What a later sight added beside payout and day, each where nothing was: the fee of a line that no payout had, what the
-- line refers to, and what the customer paid. One row of a line fills a column at most.
ALTER TABLE settlement_completion ADD COLUMN fee BIGINT;
ALTER TABLE settlement_completion ADD COLUMN fee_parts TEXT;
ALTER TABLE settlement_completion ADD COLUMN reference TEXT;
ALTER TABLE settlement_completion ADD COLUMN reference_list TEXT;
ALTER TABLE settlement_completion ADD COLUMN original BIGINT;
ALTER TABLE settlement_completion ADD COLUMN original_currency_id BIGINT;
ALTER TABLE settlement_completion ADD COLUMN rate TEXT;

CREATE VIEW settlement_line AS
SELECT l.id, l.key, l.file_id, l.statement_id, l.position, l.origin, l.account, l.identity, l.kind, COALESCE(c.reference, l.reference) AS reference,
    CASE WHEN l.payout = '' THEN COALESCE(c.payout, '') ELSE l.payout END AS payout, l.currency_id, l.gross, COALESCE(c.fee, l.fee) AS fee,
    CASE WHEN c.fee IS NULL THEN l.net ELSE l.gross - c.fee END AS net, l.booked_on, COALESCE(l.paid_on, c.paid_on) AS paid_on, l.description, l.raw,
    l.movement, l.place_offset, l.place_length, COALESCE(c.reference_list, l.reference_list) AS reference_list,
    COALESCE(l.fee_parts, c.fee_parts) AS fee_parts, l.exact, COALESCE(l.original, c.original) AS original,
    COALESCE(l.original_currency_id, c.original_currency_id) AS original_currency_id, COALESCE(l.rate, c.rate) AS rate, l.value_on, l.counterparty
FROM settlement_line_received l LEFT JOIN (
    SELECT line_id, MAX(payout) AS payout, MAX(paid_on) AS paid_on, MAX(fee) AS fee, MAX(fee_parts) AS fee_parts,
        MAX(reference) AS reference, MAX(reference_list) AS reference_list, MAX(original) AS original,
        MAX(original_currency_id) AS original_currency_id, MAX(rate) AS rate
    FROM settlement_completion GROUP BY line_id) c ON c.line_id = l.id;

-- Lines that count. A report of a day that is not over, or a notice, counts until a more final statement that closes covers
-- its day; from then on only what that one has too.
CREATE VIEW counted_line AS
SELECT l.* FROM settlement_line l JOIN statement s ON s.id = l.statement_id
WHERE s.basis IS NULL OR s.basis = 'final' OR NOT EXISTS (
    SELECT 1 FROM statement f WHERE f.account = l.account AND f.currency_id = l.currency_id AND f.origin = l.origin
    AND f.start_on <= l.booked_on AND f.end_on >= l.booked_on AND (f.verdict = 'closes' OR f.basis = 'interim')
    AND CASE COALESCE(f.basis, 'final') WHEN 'final' THEN 1 WHEN 'interim' THEN 2 ELSE 3 END
        < CASE s.basis WHEN 'interim' THEN 2 ELSE 3 END)
OR EXISTS (
    SELECT 1 FROM settlement_repeat r JOIN statement f ON f.id = r.statement_id WHERE r.line_id = l.id
    AND CASE COALESCE(f.basis, 'final') WHEN 'final' THEN 1 WHEN 'interim' THEN 2 ELSE 3 END
        < CASE s.basis WHEN 'interim' THEN 2 ELSE 3 END);

-- All that reconciliations compare, with the amount as they see it and the day on which it counts. Items: 1 a line of an
-- entry, 2 a processor's line, 3 a bank's line, 4 a payout. `apart`: 1 where nothing is looked for: an entry that was taken back,
-- or that takes one back, and what a processor says of a payout itself.
CREATE VIEW cash_item AS
SELECT 1 AS item_kind, l.entry_id AS item_id, l.line_no AS item_sub, a.name AS account, l.currency_id,
    CASE l.side WHEN 1 THEN l.amount ELSE -l.amount END AS amount, e.accounting_on AS on_day, e.reference,
    COALESCE(t.name, '') AS word, '' AS text,
    CASE WHEN EXISTS (SELECT 1 FROM correction c WHERE c.reverses = e.id OR (c.entry_id = e.id AND c.reverses IS NOT NULL))
        OR EXISTS (SELECT 1 FROM reversal r WHERE r.reverses = e.id AND r.part = 'rest'
            AND NOT EXISTS (SELECT 1 FROM reversal o WHERE o.reverses = e.id AND o.entry_id <> r.entry_id))
        OR EXISTS (SELECT 1 FROM reversal r WHERE r.entry_id = e.id AND r.part = 'rest'
            AND NOT EXISTS (SELECT 1 FROM reversal o WHERE o.reverses = r.reverses AND o.entry_id <> r.entry_id))
        THEN 1 ELSE 0 END AS apart
FROM line l JOIN entry e ON e.id = l.entry_id JOIN account a ON a.id = l.account_id
LEFT JOIN event ev ON ev.id = e.event_id LEFT JOIN event_type t ON t.id = ev.event_type_id
UNION ALL
SELECT CASE l.origin WHEN 'processor' THEN 2 ELSE 3 END, l.id, 0, l.account, l.currency_id,
    CASE l.origin WHEN 'processor' THEN l.gross ELSE l.net END, l.booked_on, CASE l.reference WHEN '' THEN l.identity ELSE l.reference END, l.kind,
    LOWER(COALESCE(l.counterparty, '') || ' ' || l.description || ' ' || COALESCE(l.reference_list, l.reference)),
    CASE WHEN l.origin = 'processor' AND l.movement IN (6, 7) THEN 1 ELSE 0 END
FROM counted_line l
UNION ALL
SELECT 4, p.id, 0, p.account, p.currency_id, CAST(SUM(l.net) AS BIGINT), MAX(COALESCE(l.paid_on, l.booked_on)), p.identity, 'payout', '', 0
FROM payout p JOIN counted_line l ON l.origin = 'processor' AND l.account = p.account AND l.payout = p.identity AND l.currency_id = p.currency_id
GROUP BY p.id, p.account, p.currency_id, p.identity;

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
