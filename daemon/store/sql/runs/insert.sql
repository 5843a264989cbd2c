INSERT INTO run (id, job, actor, started_at, finished_at, succeeded, summary)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM run), $1, $2, $3, $4, $5, $6) RETURNING id
