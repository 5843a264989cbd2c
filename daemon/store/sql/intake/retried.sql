SELECT retried FROM writer WHERE id = 1
