SELECT id, name, position, received FROM source_partition ORDER BY id
