SELECT id FROM origin WHERE name = $1
