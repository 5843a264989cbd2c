SELECT id AS record, hash AS record_head, batch, head FROM record_link WHERE kind = 'posting_batch' ORDER BY id DESC LIMIT 1
