SELECT type || ' ' || name || ' on ' || tbl_name AS name, sql FROM sqlite_master
WHERE type IN ('trigger', 'view', 'index') AND sql IS NOT NULL AND name NOT LIKE '\_sqlx%' ESCAPE '\'
