SELECT bits FROM key_filter WHERE run = $1
