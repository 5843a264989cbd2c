SELECT en.code AS entity, p.code AS period, a.name AS account, b.currency_id, en.functional_id,
    b.debit, b.credit, b.functional_debit, b.functional_credit
FROM balance b
JOIN entity en ON en.id = b.entity_id
JOIN period p ON p.id = b.period_id
JOIN account a ON a.id = b.account_id
ORDER BY en.code, p.code, a.code, b.currency_id
