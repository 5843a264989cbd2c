INSERT INTO correction (entry_id, event_id, reverses, substance, why) VALUES ($1, $2, $3, $4, $5)
