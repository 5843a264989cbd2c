-- Numbers of documents, without a gap per entity and fiscal year. A number is given when an entry is
-- sealed: into an export batch, or by the close of its period, whichever comes first.
CREATE TABLE document_series (
    entity_id BIGINT NOT NULL,
    fiscal_year BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    PRIMARY KEY (entity_id, fiscal_year)
);
CREATE TABLE document (
    entity_id BIGINT NOT NULL,
    fiscal_year BIGINT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    entry_id BIGINT NOT NULL UNIQUE,
    PRIMARY KEY (entity_id, fiscal_year, number)
);
-- What a close signed: the statement is kept as the very text under the signature.
CREATE TABLE seal (
    id BIGINT NOT NULL PRIMARY KEY,
    period_id BIGINT NOT NULL,
    batch BIGINT NOT NULL,
    statement TEXT NOT NULL,
    hash BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    sealed_at TIMESTAMPTZ NOT NULL,
    sealed_by TEXT NOT NULL
);
-- What was decided about bytes that are no event: replayed (they are one now) or discarded, by whom and why.
CREATE TABLE quarantine_decision (
    quarantine_id BIGINT NOT NULL PRIMARY KEY,
    kind BIGINT NOT NULL CHECK (kind IN (1, 2)),
    why TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    decided_by TEXT NOT NULL
);
CREATE TRIGGER document_append_only BEFORE UPDATE OR DELETE ON document
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER seal_append_only BEFORE UPDATE OR DELETE ON seal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quarantine_decision_append_only BEFORE UPDATE OR DELETE ON quarantine_decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
