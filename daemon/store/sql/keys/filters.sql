SELECT run, bits FROM key_filter WHERE run >= $1 AND run < $2 ORDER BY run
