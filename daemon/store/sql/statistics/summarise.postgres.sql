SELECT COALESCE(SUM(brin_summarize_new_values(i.indexrelid)), 0) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'brin' AND c.relnamespace = CAST(current_schema() AS regnamespace)
