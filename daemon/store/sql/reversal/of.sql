SELECT part FROM reversal WHERE reverses = $1 ORDER BY entry_id
