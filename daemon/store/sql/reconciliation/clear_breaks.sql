UPDATE reconciliation_break SET status = 'cleared'
WHERE reconciliation = $1 AND status <> 'cleared' AND NOT lasting
