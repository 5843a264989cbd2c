SELECT e.id, e.code, e.functional_id, e.zone, e.calendar FROM entity e ORDER BY e.id
