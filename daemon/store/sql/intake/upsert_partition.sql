INSERT INTO source_partition (id, source_id, name, position, received)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM source_partition), (SELECT id FROM source WHERE name = $1), $2, 0, 0)
ON CONFLICT (source_id, name) DO NOTHING
