SELECT id, code FROM period
