SELECT kind FROM record_link WHERE adopted = 1
