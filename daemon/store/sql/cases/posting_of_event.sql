SELECT case_id FROM break_posting WHERE event_id = $1
