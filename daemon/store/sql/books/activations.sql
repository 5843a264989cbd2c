SELECT a.id, m.pack, m.version, a.activated_at, a.activated_by
FROM mapping_activation a JOIN mapping m ON m.id = a.mapping_id ORDER BY a.id
