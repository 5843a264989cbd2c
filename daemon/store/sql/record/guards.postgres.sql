SELECT CAST('trigger ' || t.tgname || ' on ' || c.relname AS TEXT) AS name,
    CAST(REPLACE(pg_get_triggerdef(t.oid, true), ' ' || n.nspname || '.', ' ') || CASE WHEN t.tgenabled IN ('O', 'A') THEN ' enabled' ELSE ' disabled' END AS TEXT) AS definition
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND n.nspname = current_schema()
UNION ALL
SELECT CAST('function ' || p.proname AS TEXT), p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = current_schema()
    -- What an extension brought is the server's.
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.classid = CAST('pg_proc' AS regclass) AND d.deptype = 'e')
UNION ALL
SELECT CAST('rule ' || r.rulename || ' on ' || r.tablename AS TEXT), r.definition FROM pg_rules r WHERE r.schemaname = current_schema()
