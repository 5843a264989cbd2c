SELECT id FROM period WHERE state = 'closed'
