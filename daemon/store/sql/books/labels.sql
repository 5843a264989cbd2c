SELECT a.name AS account, x.from_on, x.name, x.code FROM account_label x JOIN account a ON a.id = x.account_id ORDER BY x.id
