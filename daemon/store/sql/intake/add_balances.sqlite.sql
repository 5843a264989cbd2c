INSERT INTO balance (entity_id, period_id, account_id, currency_id, debit, credit, functional_debit, functional_credit)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'),
    json_extract(value, '$[4]'), json_extract(value, '$[5]'), json_extract(value, '$[6]'), json_extract(value, '$[7]')
FROM json_each($1) WHERE true
ON CONFLICT (entity_id, period_id, account_id, currency_id) DO UPDATE SET
    debit = balance.debit + excluded.debit, credit = balance.credit + excluded.credit,
    functional_debit = balance.functional_debit + excluded.functional_debit,
    functional_credit = balance.functional_credit + excluded.functional_credit
