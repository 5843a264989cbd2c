SELECT d.kind FROM quarantine q LEFT JOIN quarantine_decision d ON d.quarantine_id = q.id WHERE q.id = $1
