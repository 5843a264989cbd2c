SELECT by_statement_id FROM statement_supersession WHERE statement_id = $1
