SELECT id, code FROM entity
