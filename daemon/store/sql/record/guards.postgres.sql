-- Whatever keeps the rows of a schema as they are, by name. The schema's own name is taken out, so that two of them
-- can be held against each other.
WITH here AS (
    SELECT oid, quote_ident(nspname) || '.' AS prefix FROM pg_namespace WHERE nspname = CAST($1 AS TEXT)
), relation AS (
    SELECT c.oid, CAST(c.relname AS TEXT) AS name, c.relkind, c.relrowsecurity, c.relforcerowsecurity, h.prefix
    FROM pg_class c JOIN here h ON h.oid = c.relnamespace WHERE c.relname NOT IN ('_sqlx_migrations', '_sqlx_migrations_pkey')
), guard AS (
    SELECT 'trigger ' || t.tgname || ' on ' || r.name AS name,
        pg_get_triggerdef(t.oid) || CASE WHEN t.tgenabled IN ('O', 'A') THEN ' enabled' ELSE ' disabled' END AS definition, r.prefix
    FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    -- The database's own triggers that keep foreign keys: they have no name, but can be switched off.
    SELECT 'keys of ' || r.name, CAST(COUNT(*) AS TEXT) || ' disabled', r.prefix
    FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE t.tgisinternal AND t.tgenabled NOT IN ('O', 'A') GROUP BY r.name, r.prefix
    UNION ALL
    SELECT 'security of ' || r.name, 'on', r.prefix FROM relation r WHERE r.relrowsecurity OR r.relforcerowsecurity
    UNION ALL
    SELECT 'child ' || c.relname || ' of ' || r.name, 'inherits', r.prefix
    FROM pg_inherits i JOIN relation r ON r.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
    UNION ALL
    SELECT 'function ' || p.proname, p.prosrc || CASE WHEN p.prosecdef THEN ' definer' ELSE '' END || COALESCE(CAST(p.proconfig AS TEXT), ''), h.prefix FROM pg_proc p JOIN here h ON h.oid = p.pronamespace
    -- What an extension brought is the server's.
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.classid = CAST('pg_proc' AS regclass) AND d.deptype = 'e')
    UNION ALL
    SELECT 'rule ' || w.rulename || ' on ' || r.name, pg_get_ruledef(w.oid), r.prefix
    FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'view ' || r.name, pg_get_viewdef(r.oid), r.prefix FROM relation r WHERE r.relkind = 'v'
    UNION ALL
    SELECT 'index ' || i.name || ' on ' || r.name,
        pg_get_indexdef(i.oid) || CASE WHEN x.indisvalid THEN '' ELSE ' invalid' END, r.prefix
    FROM pg_index x JOIN relation i ON i.oid = x.indexrelid JOIN relation r ON r.oid = x.indrelid
    UNION ALL
    SELECT 'constraint ' || k.conname || ' on ' || r.name, pg_get_constraintdef(k.oid), r.prefix
    FROM pg_constraint k JOIN relation r ON r.oid = k.conrelid WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT 'column ' || a.attname || ' of ' || r.name, format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END || CAST(a.attidentity AS TEXT) || CAST(a.attgenerated AS TEXT) || COALESCE(' DEFAULT ' || pg_get_expr(v.adbin, v.adrelid), ''), r.prefix
    FROM pg_attribute a JOIN relation r ON r.oid = a.attrelid
    LEFT JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT name, REPLACE(REPLACE(definition, prefix, ''), 'pg_temp.', '') AS definition FROM guard
