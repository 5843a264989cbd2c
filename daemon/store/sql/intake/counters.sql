SELECT event, entry, repetition, quarantine, batch, head FROM writer WHERE id = 1
