-- A batch takes its entries before it is rendered, and says so here. The first time entries leave for a target
-- they leave as a run that follows the run before it: `follows` names where that one `ends`, so that no entry can
-- be in two. Entries of a batch that was released leave again in the one that replaces it, all of them and once.
CREATE TABLE batch_release (
    batch_id BIGINT NOT NULL PRIMARY KEY REFERENCES batch (id),
    why TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    decided_by TEXT NOT NULL
);
-- A person's word that a batch is to be sent again after the attempt that was refused.
CREATE TABLE batch_resend (
    batch_id BIGINT NOT NULL REFERENCES batch (id),
    attempt BIGINT NOT NULL,
    why TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    decided_by TEXT NOT NULL,
    PRIMARY KEY (batch_id, attempt)
);
CREATE TABLE batch_range (
    batch_id BIGINT NOT NULL PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    target_id BIGINT NOT NULL REFERENCES target (id),
    number BIGINT NOT NULL,
    first_entry BIGINT NOT NULL,
    last_entry BIGINT NOT NULL,
    follows BIGINT,
    ends BIGINT,
    replaces BIGINT UNIQUE REFERENCES batch_release (batch_id),
    claimed_at TIMESTAMPTZ NOT NULL,
    claimed_by TEXT NOT NULL,
    UNIQUE (target_id, number),
    UNIQUE (target_id, follows),
    UNIQUE (target_id, ends),
    UNIQUE (batch_id, target_id, first_entry, last_entry),
    FOREIGN KEY (target_id, follows) REFERENCES batch_range (target_id, ends),
    FOREIGN KEY (replaces, target_id, first_entry, last_entry)
        REFERENCES batch_range (batch_id, target_id, first_entry, last_entry),
    CHECK (first_entry > 0 AND last_entry >= first_entry),
    CHECK (CASE WHEN replaces IS NULL
        THEN COALESCE(follows, 0) = first_entry - 1 AND COALESCE(ends, 0) = last_entry
        ELSE follows IS NULL AND ends IS NULL END)
);
CREATE UNIQUE INDEX batch_range_first ON batch_range (target_id) WHERE first_entry = 1 AND replaces IS NULL;

INSERT INTO batch_range (batch_id, uuid, target_id, number, first_entry, last_entry, follows, ends, replaces, claimed_at, claimed_by)
SELECT id, uuid, target_id, number, first_entry, last_entry, NULLIF(first_entry - 1, 0), last_entry, NULL, created_at, created_by
FROM batch ORDER BY id;

-- What the table of single entries said must be what the runs say, or nothing is changed.
CREATE TABLE batch_entry_check (agree BIGINT NOT NULL CHECK (agree = 1));
INSERT INTO batch_entry_check
SELECT CASE WHEN (SELECT COUNT(*) FROM batch_entry) = (SELECT COALESCE(SUM(last_entry - first_entry + 1), 0) FROM batch_range)
    AND NOT EXISTS (SELECT 1 FROM batch_entry e JOIN batch_range r ON r.batch_id = e.batch_id
        WHERE r.target_id <> e.target_id OR e.entry_id < r.first_entry OR e.entry_id > r.last_entry)
    THEN 1 ELSE 0 END;
DROP TABLE batch_entry_check;
-- The table goes at once: an older program that still wrote to it would export entries twice.
DROP TABLE batch_entry;
-- An entry is in one batch of a target that was not released.
CREATE VIEW batch_entry AS
SELECT r.target_id, e.id AS entry_id, r.batch_id
FROM batch_range r JOIN entry e ON e.id BETWEEN r.first_entry AND r.last_entry
WHERE NOT EXISTS (SELECT 1 FROM batch_release x WHERE x.batch_id = r.batch_id);

-- The state of a batch, for everybody who asks. It is that of its best attempt: acknowledged before delivered, and
-- otherwise the latest; a later attempt of which nobody knows never hides an earlier one that arrived. `state` is
-- 1 delivered, 2 acknowledged, 3 rejected, 4 unknown, 5 released, and NULL while it was never sent. It is `due` for
-- the next export unless it arrived, was released, or was rejected and nobody decided to send it again.
CREATE VIEW batch_state AS
SELECT r.batch_id, r.target_id, r.uuid, r.number, r.first_entry, r.last_entry,
    r.last_entry - r.first_entry + 1 AS entries, r.replaces,
    CAST(CASE WHEN x.batch_id IS NOT NULL THEN 5 ELSE d.kind END AS BIGINT) AS state,
    CAST(CASE WHEN x.batch_id IS NOT NULL OR d.kind IN (1, 2) OR (d.kind = 3 AND s.batch_id IS NULL)
        THEN 0 ELSE 1 END AS BIGINT) AS due,
    d.attempt, d.message, d.attempted_at
FROM batch_range r
LEFT JOIN batch_release x ON x.batch_id = r.batch_id
LEFT JOIN delivery d ON d.batch_id = r.batch_id AND d.attempt = (
    SELECT b.attempt FROM delivery b WHERE b.batch_id = r.batch_id
    ORDER BY CASE b.kind WHEN 2 THEN 1 WHEN 1 THEN 2 ELSE 3 END, b.attempt DESC LIMIT 1)
LEFT JOIN batch_resend s ON s.batch_id = d.batch_id AND s.attempt = d.attempt;

-- An artifact is what stands in its batch's row, followed by its chunks in order. codec: 0 as it is, 1 zstd.
CREATE TABLE artifact_chunk (
    batch_id BIGINT NOT NULL,
    no BIGINT NOT NULL,
    codec BIGINT NOT NULL CHECK (codec IN (0, 1)),
    bytes BYTEA NOT NULL,
    PRIMARY KEY (batch_id, no)
);
CREATE TRIGGER batch_release_append_only BEFORE UPDATE OR DELETE ON batch_release
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batch_resend_append_only BEFORE UPDATE OR DELETE ON batch_resend
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER batch_range_append_only BEFORE UPDATE OR DELETE ON batch_range
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER artifact_chunk_append_only BEFORE UPDATE OR DELETE ON artifact_chunk
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
