SELECT w.record, w.record_head, w.batch, w.head FROM writer w WHERE w.id = 1
