SELECT type || ' ' || name || CASE type WHEN 'table' THEN '' ELSE ' on ' || tbl_name END AS name, sql FROM sqlite_master
WHERE sql IS NOT NULL AND tbl_name <> '_sqlx_migrations'
