SELECT format('ANALYZE %I', relname) FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND n_mod_since_analyze >= $1 AND n_mod_since_analyze * 10 >= n_live_tup ORDER BY relname
