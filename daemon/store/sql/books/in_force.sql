SELECT mapping FROM writer WHERE id = 1
