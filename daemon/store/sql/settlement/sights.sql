SELECT name, bytes, changed_at, outcome, hash, why, seen_at FROM settlement_sight
WHERE id IN (SELECT MAX(id) FROM settlement_sight WHERE source = $1 GROUP BY name)
