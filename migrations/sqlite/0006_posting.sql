-- Posting in bulk: the writer's row counts, so that no statement asks a big table for its end, and
-- big tables keep no index that the next row must search for its place.
ALTER TABLE writer ADD COLUMN event INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN entry INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN repetition INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN quarantine INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN dimension_set INTEGER NOT NULL DEFAULT 0;
-- The newest link of the chain; zeros before the first.
ALTER TABLE writer ADD COLUMN head BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';
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

-- What came with bytes that are no event: a message's headers, as a JSON object.
ALTER TABLE quarantine ADD COLUMN headers TEXT;
