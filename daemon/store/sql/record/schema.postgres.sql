SELECT CAST(current_schema() AS TEXT)
