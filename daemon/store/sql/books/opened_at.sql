SELECT activated_at FROM mapping ORDER BY id LIMIT 1
