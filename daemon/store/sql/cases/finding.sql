SELECT kind, reference, account, amount FROM finding WHERE id = $1
