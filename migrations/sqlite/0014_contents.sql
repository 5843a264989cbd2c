-- Which function made an event's content hash: the first took a number's digits as they were sent, the second
-- takes the number. What is in the books keeps the hash of its time.
ALTER TABLE event ADD COLUMN content_version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE repetition ADD COLUMN content_version INTEGER NOT NULL DEFAULT 1;

-- Of bytes larger than an event may be only the head is kept, with the length and the SHA-256 of the whole.
ALTER TABLE quarantine ADD COLUMN whole_length INTEGER;
ALTER TABLE quarantine ADD COLUMN whole_hash BLOB;
