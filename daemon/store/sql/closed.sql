SELECT turn, closed FROM writer WHERE id = 1
