-- Numbers in the order of writing, so that the record chain covers cases, their histories and what matches consumed.
ALTER TABLE match_item ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER match_item_no_update;
UPDATE match_item SET serial = n.place
FROM (SELECT reconciliation, side, item_kind, item_id, item_sub, ROW_NUMBER() OVER (ORDER BY match_id, side, item_kind, item_id, item_sub) AS place FROM match_item) AS n
WHERE match_item.reconciliation = n.reconciliation AND match_item.side = n.side AND match_item.item_kind = n.item_kind AND match_item.item_id = n.item_id AND match_item.item_sub = n.item_sub;
CREATE TRIGGER match_item_no_update BEFORE UPDATE ON match_item
BEGIN SELECT RAISE(ABORT, 'append-only: match_item refuses UPDATE'); END;
CREATE UNIQUE INDEX match_item_by_serial ON match_item (serial);
ALTER TABLE break_case ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER break_case_no_update;
UPDATE break_case SET serial = n.place
FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY opened_at, id) AS place FROM break_case) AS n
WHERE break_case.id = n.id;
CREATE TRIGGER break_case_no_update BEFORE UPDATE ON break_case
BEGIN SELECT RAISE(ABORT, 'append-only: break_case refuses UPDATE'); END;
CREATE UNIQUE INDEX break_case_by_serial ON break_case (serial);
ALTER TABLE case_deed ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER case_deed_no_update;
UPDATE case_deed SET serial = n.place
FROM (SELECT case_id, number, ROW_NUMBER() OVER (ORDER BY done_at, case_id, number) AS place FROM case_deed) AS n
WHERE case_deed.case_id = n.case_id AND case_deed.number = n.number;
CREATE TRIGGER case_deed_no_update BEFORE UPDATE ON case_deed
BEGIN SELECT RAISE(ABORT, 'append-only: case_deed refuses UPDATE'); END;
CREATE UNIQUE INDEX case_deed_by_serial ON case_deed (serial);
