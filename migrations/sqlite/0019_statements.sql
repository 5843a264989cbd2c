-- All that a statement and a line say, files in chunks, and what a second sight of a line or statement told.

-- Where a line stands in the text of its file, in place of a copy (`raw` stays empty); all that it refers to, the most
-- telling first, one a line as `kind:text`; the parts of its fee as `kind:amount`, with blanks between; the net as written
-- where it has more decimals than the currency; what the customer paid, where that is another currency, and the rate.
ALTER TABLE settlement_line ADD COLUMN place_offset INTEGER;
ALTER TABLE settlement_line ADD COLUMN place_length INTEGER;
ALTER TABLE settlement_line ADD COLUMN reference_list TEXT;
ALTER TABLE settlement_line ADD COLUMN fee_parts TEXT;
ALTER TABLE settlement_line ADD COLUMN exact TEXT;
ALTER TABLE settlement_line ADD COLUMN original INTEGER;
ALTER TABLE settlement_line ADD COLUMN original_currency_id INTEGER;
ALTER TABLE settlement_line ADD COLUMN rate TEXT;
ALTER TABLE settlement_line ADD COLUMN value_on TEXT;
ALTER TABLE settlement_line ADD COLUMN counterparty TEXT;

-- How final a statement is (none: final), its number and page, the day it was made, how many lines it has, how many of
-- them no other statement had brought, and between which numbers those stand.
ALTER TABLE statement ADD COLUMN basis TEXT;
ALTER TABLE statement ADD COLUMN sequence INTEGER;
ALTER TABLE statement ADD COLUMN page INTEGER;
ALTER TABLE statement ADD COLUMN is_last_page INTEGER;
ALTER TABLE statement ADD COLUMN made_on TEXT;
ALTER TABLE statement ADD COLUMN lines INTEGER;
ALTER TABLE statement ADD COLUMN own_lines INTEGER;
ALTER TABLE statement ADD COLUMN first_line INTEGER;
ALTER TABLE statement ADD COLUMN last_line INTEGER;
CREATE INDEX statement_by_account ON statement (account, currency_id, end_on);

-- A file is what stands in its row, followed by its chunks in order. codec: 0 as it is, 1 zstd.
CREATE TABLE settlement_file_chunk (
    file_id INTEGER NOT NULL,
    no INTEGER NOT NULL,
    codec INTEGER NOT NULL CHECK (codec IN (0, 1)),
    bytes BLOB NOT NULL,
    PRIMARY KEY (file_id, no)
);
-- A bank's statement that has a line which another one brought.
CREATE TABLE settlement_repeat (
    id INTEGER NOT NULL PRIMARY KEY,
    statement_id INTEGER NOT NULL,
    line_id INTEGER NOT NULL
);
CREATE INDEX settlement_repeat_by_line ON settlement_repeat (line_id);
-- What a later sight of a line added where nothing was: its payout (empty: nothing), the day of it.
CREATE TABLE settlement_completion (
    id INTEGER NOT NULL PRIMARY KEY,
    line_id INTEGER NOT NULL,
    statement_id INTEGER NOT NULL,
    payout TEXT NOT NULL,
    paid_on TEXT
);
CREATE INDEX settlement_completion_by_line ON settlement_completion (line_id);
-- A later sight of a line that says other money, and the line of its file at which it stands. The first one counts.
CREATE TABLE settlement_conflict (
    id INTEGER NOT NULL PRIMARY KEY,
    line_id INTEGER NOT NULL,
    statement_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    gross INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    net INTEGER NOT NULL,
    currency_id INTEGER NOT NULL,
    payout TEXT NOT NULL,
    what TEXT NOT NULL
);
-- A statement all of which stands in another: only that one is asked whether it closes and what follows it.
CREATE TABLE statement_supersession (
    statement_id INTEGER NOT NULL PRIMARY KEY,
    id INTEGER NOT NULL UNIQUE,
    by_statement_id INTEGER NOT NULL
);
CREATE TRIGGER settlement_file_chunk_no_update BEFORE UPDATE ON settlement_file_chunk
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_file_chunk refuses UPDATE'); END;
CREATE TRIGGER settlement_file_chunk_no_delete BEFORE DELETE ON settlement_file_chunk
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_file_chunk refuses DELETE'); END;
CREATE TRIGGER settlement_repeat_no_update BEFORE UPDATE ON settlement_repeat
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_repeat refuses UPDATE'); END;
CREATE TRIGGER settlement_repeat_no_delete BEFORE DELETE ON settlement_repeat
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_repeat refuses DELETE'); END;
CREATE TRIGGER settlement_completion_no_update BEFORE UPDATE ON settlement_completion
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_completion refuses UPDATE'); END;
CREATE TRIGGER settlement_completion_no_delete BEFORE DELETE ON settlement_completion
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_completion refuses DELETE'); END;
CREATE TRIGGER settlement_conflict_no_update BEFORE UPDATE ON settlement_conflict
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_conflict refuses UPDATE'); END;
CREATE TRIGGER settlement_conflict_no_delete BEFORE DELETE ON settlement_conflict
BEGIN SELECT RAISE(ABORT, 'append-only: settlement_conflict refuses DELETE'); END;
CREATE TRIGGER statement_supersession_no_update BEFORE UPDATE ON statement_supersession
BEGIN SELECT RAISE(ABORT, 'append-only: statement_supersession refuses UPDATE'); END;
CREATE TRIGGER statement_supersession_no_delete BEFORE DELETE ON statement_supersession
BEGIN SELECT RAISE(ABORT, 'append-only: statement_supersession refuses DELETE'); END;

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
