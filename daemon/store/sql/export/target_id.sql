SELECT id FROM target WHERE name = $1
