SELECT id, job, actor, started_at, finished_at, succeeded, summary FROM run ORDER BY id DESC LIMIT $1
