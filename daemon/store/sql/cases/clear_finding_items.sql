DELETE FROM finding_item WHERE finding_id NOT IN (SELECT id FROM finding)
