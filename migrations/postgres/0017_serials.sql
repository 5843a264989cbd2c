-- Numbers in the order of writing, so that the record chain covers cases, their histories and what matches consumed.
ALTER TABLE match_item ADD COLUMN serial BIGINT NOT NULL DEFAULT 0;
ALTER TABLE match_item DISABLE TRIGGER match_item_append_only;
UPDATE match_item SET serial = n.place
FROM (SELECT reconciliation, side, item_kind, item_id, item_sub, ROW_NUMBER() OVER (ORDER BY match_id, side, item_kind, item_id, item_sub) AS place FROM match_item) AS n
WHERE match_item.reconciliation = n.reconciliation AND match_item.side = n.side AND match_item.item_kind = n.item_kind AND match_item.item_id = n.item_id AND match_item.item_sub = n.item_sub;
ALTER TABLE match_item ENABLE TRIGGER match_item_append_only;
CREATE UNIQUE INDEX match_item_by_serial ON match_item (serial);
ALTER TABLE break_case ADD COLUMN serial BIGINT NOT NULL DEFAULT 0;
ALTER TABLE break_case DISABLE TRIGGER break_case_append_only;
UPDATE break_case SET serial = n.place
FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY opened_at, id) AS place FROM break_case) AS n
WHERE break_case.id = n.id;
ALTER TABLE break_case ENABLE TRIGGER break_case_append_only;
CREATE UNIQUE INDEX break_case_by_serial ON break_case (serial);
ALTER TABLE case_deed ADD COLUMN serial BIGINT NOT NULL DEFAULT 0;
ALTER TABLE case_deed DISABLE TRIGGER case_deed_append_only;
UPDATE case_deed SET serial = n.place
FROM (SELECT case_id, number, ROW_NUMBER() OVER (ORDER BY done_at, case_id, number) AS place FROM case_deed) AS n
WHERE case_deed.case_id = n.case_id AND case_deed.number = n.number;
ALTER TABLE case_deed ENABLE TRIGGER case_deed_append_only;
CREATE UNIQUE INDEX case_deed_by_serial ON case_deed (serial);
