SELECT l.id, l.account, l.currency_id, l.booked_on, l.movement, l.kind, l.description, l.net FROM settlement_line l
WHERE l.id > $1 AND l.origin = 'processor' AND l.movement IN (5, 12) AND ($2 = '' OR l.account = $2) ORDER BY l.id LIMIT $3
