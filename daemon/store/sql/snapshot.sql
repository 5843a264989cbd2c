-- The first question of a snapshot is what takes it.
SELECT turn FROM writer WHERE id = 1
