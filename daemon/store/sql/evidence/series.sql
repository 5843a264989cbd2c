SELECT en.code AS entity, s.fiscal_year, s.last_number,
    (SELECT CAST(COUNT(*) AS BIGINT) FROM document d WHERE d.entity_id = s.entity_id AND d.fiscal_year = s.fiscal_year) AS documents,
    (SELECT CAST(COALESCE(MAX(d.number), 0) AS BIGINT) FROM document d WHERE d.entity_id = s.entity_id AND d.fiscal_year = s.fiscal_year) AS highest
FROM document_series s JOIN entity en ON en.id = s.entity_id ORDER BY en.code, s.fiscal_year
