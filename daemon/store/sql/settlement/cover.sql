INSERT INTO coverage (origin, account, covered_on) VALUES ($1, $2, $3)
ON CONFLICT (origin, account) DO UPDATE SET covered_on = excluded.covered_on
WHERE coverage.covered_on < excluded.covered_on
