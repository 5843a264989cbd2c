-- Posting in bulk: the writer's row counts, so that no statement asks a big table for its end, and
-- big tables keep no index that the next row must search for its place.
ALTER TABLE writer ADD COLUMN event BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN entry BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN repetition BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN quarantine BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN batch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN dimension_set BIGINT NOT NULL DEFAULT 0;
-- The newest link of the chain; zeros before the first.
ALTER TABLE writer ADD COLUMN head BYTEA NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000';
UPDATE writer SET
    event = (SELECT COALESCE(MAX(id), 0) FROM event),
    entry = (SELECT COALESCE(MAX(id), 0) FROM entry),
    repetition = (SELECT COALESCE(MAX(id), 0) FROM repetition),
    quarantine = (SELECT COALESCE(MAX(id), 0) FROM quarantine),
    batch = (SELECT COALESCE(MAX(id), 0) FROM posting_batch),
    dimension_set = (SELECT COALESCE(MAX(id), 0) FROM dimension_set),
    head = COALESCE((SELECT hash FROM posting_batch ORDER BY id DESC LIMIT 1), head);

-- What waits is few among many.
CREATE INDEX outcome_suspended ON outcome (event_id) WHERE kind = 3;

-- Rows arrive in the order of their numbers, so a summary per range of blocks finds them; that they
-- are unique follows from the writer's counters, and is checked with the chain.
ALTER TABLE outcome DROP CONSTRAINT outcome_pkey;
ALTER TABLE line DROP CONSTRAINT line_pkey;
ALTER TABLE schedule DROP CONSTRAINT schedule_pkey;
CREATE INDEX outcome_event ON outcome USING brin (event_id) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX line_entry ON line USING brin (entry_id) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX schedule_entry ON schedule USING brin (entry_id) WITH (pages_per_range = 16, autosummarize = on);

-- What came with bytes that are no event: a message's headers, as a JSON object.
ALTER TABLE quarantine ADD COLUMN headers TEXT;
