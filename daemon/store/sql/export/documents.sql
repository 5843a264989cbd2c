SELECT no, number, state, theirs, words FROM document_state WHERE batch_id = $1 ORDER BY no
