SELECT e.id FROM entry e JOIN rule r ON r.id = e.rule_id
WHERE e.kind <> 2 AND e.reference IN (SELECT jsonb_array_elements_text(CAST($1 AS JSONB))) AND r.name IN (SELECT jsonb_array_elements_text(CAST($2 AS JSONB)))
    AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.reverses = e.id)
ORDER BY e.id
