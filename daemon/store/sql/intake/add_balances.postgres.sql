INSERT INTO balance (entity_id, period_id, account_id, currency_id, debit, credit, functional_debit, functional_credit)
SELECT CAST(b ->> 0 AS BIGINT), CAST(b ->> 1 AS BIGINT), CAST(b ->> 2 AS BIGINT), CAST(b ->> 3 AS BIGINT),
    CAST(b ->> 4 AS BIGINT), CAST(b ->> 5 AS BIGINT), CAST(b ->> 6 AS BIGINT), CAST(b ->> 7 AS BIGINT)
FROM json_array_elements(CAST($1 AS JSON)) b
ON CONFLICT (entity_id, period_id, account_id, currency_id) DO UPDATE SET
    debit = balance.debit + excluded.debit, credit = balance.credit + excluded.credit,
    functional_debit = balance.functional_debit + excluded.functional_debit,
    functional_credit = balance.functional_credit + excluded.functional_credit
