INSERT INTO balance (entity_id, period_id, account_id, currency_id, debit, credit, functional_debit, functional_credit)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]'),
    json_extract(value, '$[4]'), json_extract(value, '$[5]'), json_extract(value, '$[6]'), json_extract(value, '$[7]')
FROM json_each($1) WHERE true
ON CONFLICT (entity_id, period_id, account_id, currency_id) DO UPDATE SET
    debit = CASE typeof(balance.debit + excluded.debit) WHEN 'integer' THEN balance.debit + excluded.debit END,
    credit = CASE typeof(balance.credit + excluded.credit) WHEN 'integer' THEN balance.credit + excluded.credit END,
    functional_debit = CASE typeof(balance.functional_debit + excluded.functional_debit) WHEN 'integer' THEN balance.functional_debit + excluded.functional_debit END,
    functional_credit = CASE typeof(balance.functional_credit + excluded.functional_credit) WHEN 'integer' THEN balance.functional_credit + excluded.functional_credit END
