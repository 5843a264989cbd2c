INSERT INTO balance (entity_id, period_id, account_id, currency_id, debit, credit, functional_debit, functional_credit)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (entity_id, period_id, account_id, currency_id) DO UPDATE SET
    debit = balance.debit + excluded.debit, credit = balance.credit + excluded.credit,
    functional_debit = balance.functional_debit + excluded.functional_debit,
    functional_credit = balance.functional_credit + excluded.functional_credit
