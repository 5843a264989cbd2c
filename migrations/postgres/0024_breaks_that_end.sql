-- Entries that end breaks. A decision about a break makes an event, which a rule of the mapping posts as it posts any other, in
-- the transaction of the decision. amount: how much of the break it takes away, left less right, in minor units.
CREATE TABLE break_posting (
    proposal_id BIGINT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    event_id BIGINT NOT NULL UNIQUE,
    first_entry BIGINT NOT NULL,
    entries BIGINT NOT NULL CHECK (entries > 0),
    amount BIGINT NOT NULL CHECK (amount <> 0)
);
CREATE INDEX break_posting_by_case ON break_posting (case_id);
CREATE TRIGGER break_posting_append_only BEFORE UPDATE OR DELETE ON break_posting
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
