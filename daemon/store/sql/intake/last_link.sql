SELECT hash FROM posting_batch WHERE id = $1
