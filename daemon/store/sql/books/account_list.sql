SELECT name, code, type AS kind, normal_side, title FROM account ORDER BY code
