INSERT INTO currency (id, code, exponent, units) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING
