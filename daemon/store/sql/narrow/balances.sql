SELECT entity_id, period_id, account_id, currency_id, debit, credit, functional_debit, functional_credit FROM balance
