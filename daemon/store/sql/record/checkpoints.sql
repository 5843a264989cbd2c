SELECT id, position, received FROM source_partition ORDER BY id
