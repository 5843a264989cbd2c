-- Putting a version of the mapping in force is a deed: each time a row, also when an earlier one comes back.
CREATE TABLE mapping_activation (
    id BIGINT NOT NULL PRIMARY KEY,
    mapping_id BIGINT NOT NULL REFERENCES mapping (id),
    activated_at TIMESTAMPTZ NOT NULL,
    activated_by TEXT NOT NULL
);
INSERT INTO mapping_activation (id, mapping_id, activated_at, activated_by)
    SELECT id, id, activated_at, activated_by FROM mapping ORDER BY id;
CREATE TRIGGER mapping_activation_append_only BEFORE UPDATE OR DELETE ON mapping_activation
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The version in force, beside the counters: whoever posts reads it with them.
ALTER TABLE writer ADD COLUMN mapping BYTEA;
UPDATE writer SET mapping = (SELECT version FROM mapping ORDER BY id DESC LIMIT 1);

-- The turn at which the books were closed: the newest, or there is more beside the file.
ALTER TABLE writer ADD COLUMN closed BIGINT;
