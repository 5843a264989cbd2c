WITH RECURSIVE run (number) AS (
    SELECT CAST(0 AS BIGINT) UNION ALL
    SELECT number + 1 FROM run WHERE number < (SELECT event >> 16 FROM writer)
)
SELECT e.id FROM run JOIN event e ON e.id >> 16 = run.number AND e.key = $1
