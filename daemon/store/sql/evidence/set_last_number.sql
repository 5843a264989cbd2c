INSERT INTO document_series (entity_id, fiscal_year, last_number) VALUES ($1, $2, $3)
ON CONFLICT (entity_id, fiscal_year) DO UPDATE SET last_number = excluded.last_number
