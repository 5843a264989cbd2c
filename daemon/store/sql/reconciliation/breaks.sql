SELECT id, reconciliation, kind, status, reference, account, currency_id, amount, since_on, age_days, items, detail, lasting
FROM reconciliation_break WHERE status <> 'cleared' ORDER BY reconciliation, kind, account, since_on, reference, id
