-- The record chain: a link over every run of rows beside the journal, appended where they are written.
-- `scope` is what the keys count within; `marks` holds the first bytes of each row's hash.
CREATE TABLE record_link (
    id BIGINT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    scope BIGINT NOT NULL,
    first_key BIGINT NOT NULL,
    last_key BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    adopted BIGINT NOT NULL CHECK (adopted IN (0, 1)),
    digest BYTEA NOT NULL,
    marks BYTEA NOT NULL,
    batch BIGINT NOT NULL,
    head BYTEA NOT NULL,
    written_at TIMESTAMPTZ NOT NULL,
    written_by TEXT NOT NULL,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL
);
CREATE INDEX record_link_kind ON record_link (kind, id);
-- Every kind begins with what was there before; these are few.
CREATE INDEX record_link_adopted ON record_link (kind) WHERE adopted = 1;
CREATE TRIGGER record_link_append_only BEFORE UPDATE OR DELETE ON record_link
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The newest link; zeros before the first.
ALTER TABLE writer ADD COLUMN record BIGINT NOT NULL DEFAULT 0;
ALTER TABLE writer ADD COLUMN record_head BYTEA NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000';

-- An outcome that was decided once more: what it was, and what it is since then.
CREATE TABLE redecision (
    id BIGINT NOT NULL PRIMARY KEY,
    event_id BIGINT NOT NULL,
    former_kind BIGINT NOT NULL CHECK (former_kind IN (2, 3)),
    former_rule_id BIGINT,
    former_reason TEXT,
    former_decided_at TIMESTAMPTZ NOT NULL,
    kind BIGINT NOT NULL CHECK (kind IN (1, 2, 3)),
    rule_id BIGINT,
    reason TEXT,
    decided_at TIMESTAMPTZ NOT NULL,
    decided_by TEXT NOT NULL
);
CREATE INDEX redecision_event ON redecision (event_id);
CREATE TRIGGER redecision_append_only BEFORE UPDATE OR DELETE ON redecision
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
