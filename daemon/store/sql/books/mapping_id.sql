SELECT id FROM mapping WHERE version = $1
