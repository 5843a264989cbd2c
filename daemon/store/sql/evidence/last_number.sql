SELECT last_number FROM document_series WHERE entity_id = $1 AND fiscal_year = $2
