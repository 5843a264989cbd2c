SELECT origin, account, covered_on FROM coverage ORDER BY origin, account
