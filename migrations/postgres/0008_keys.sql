-- Keys are hashes: an index over all of them is written at random places, more of them the larger it
-- is. Ordered by run first (65,536 events that arrived one after the other), inserts stay in the newest
-- run; that a key is in no older one, the filters tell.
ALTER TABLE event DROP CONSTRAINT event_key_key;
CREATE UNIQUE INDEX event_key ON event ((id >> 16), key);

-- The filter of a full run: which keys it may hold.
CREATE TABLE key_filter (
    run BIGINT NOT NULL PRIMARY KEY,
    bits BYTEA NOT NULL
);
CREATE TRIGGER key_filter_append_only BEFORE UPDATE OR DELETE ON key_filter
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
