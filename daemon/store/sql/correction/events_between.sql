SELECT e.event_id, e.id, c.reverses, c.substance FROM entry e LEFT JOIN correction c ON c.entry_id = e.id
WHERE e.event_id IN (SELECT x.event_id FROM entry x WHERE x.accounting_on BETWEEN $1 AND $2)
ORDER BY e.event_id, e.id
