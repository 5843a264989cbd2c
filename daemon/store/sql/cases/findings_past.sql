SELECT f.id, d.deed, d.amount FROM finding f JOIN case_deed d ON d.case_id = f.id ORDER BY f.id, d.number
