SELECT r.id, m.version, r.name FROM rule r JOIN mapping m ON m.id = r.mapping_id ORDER BY r.id
