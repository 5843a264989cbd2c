SELECT MIN(event_id) FROM outcome WHERE kind = 3 AND substr(reason, length(reason) - length($1) + 1) = $1
