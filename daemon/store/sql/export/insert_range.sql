INSERT INTO batch_range (batch_id, uuid, target_id, number, first_entry, last_entry, follows, ends, replaces, claimed_at, claimed_by, supplements, partial)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
