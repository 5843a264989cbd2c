SELECT event, entry, repetition, quarantine, batch, head, mapping FROM writer WHERE id = 1
