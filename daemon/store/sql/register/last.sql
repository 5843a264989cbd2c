SELECT entry FROM writer WHERE id = 1
