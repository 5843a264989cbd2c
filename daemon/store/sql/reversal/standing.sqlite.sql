SELECT e.id FROM entry e JOIN rule r ON r.id = e.rule_id
WHERE e.kind <> 2 AND e.reference IN (SELECT value FROM json_each($1)) AND r.name IN (SELECT value FROM json_each($2))
    AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.reverses = e.id)
ORDER BY e.id
