"""The obvious way in duckdb: the same joins in SQL."""

import sys
import duckdb

folder = sys.argv[1]
db = duckdb.connect()
db.execute("set preserve_insertion_order = false")
db.execute("create table matches (pass varchar, id varchar, id_right varchar)")
db.execute("create table breaks (kind varchar, reference varchar, amount bigint)")
for name, columns in [
    ("billing", "id, reference, currency, day, amount, customer, movement"),
    ("settlement", "id, reference, payment, merchant, currency, day, amount, fee, payout, movement, original_amount, original_currency"),
    ("payouts", "id, reference, currency, day, amount"),
    ("bank", "id, currency, day, amount, text"),
]:
    db.execute(f"create table {name} as select {columns} from read_csv('{folder}/{name}.csv', header = true)")


def take(name, left, right, condition, count):
    """Pairs what meets the condition, each id once, and leaves the rest in new tables."""
    db.execute(f"""
        create table pairs as select l.id, r.id as id_right, l.reference, l.amount, l.day, r.day as day_right,
            l.movement as movement, r.movement as movement_right
        from {left} l join {right} r on {condition}""")
    db.execute("""
        create table single as
        select any_value(id) as id, id_right, any_value(reference) as reference, any_value(amount) as amount,
            any_value(day) as day, any_value(day_right) as day_right, any_value(movement) as movement,
            any_value(movement_right) as movement_right
        from (select id, any_value(id_right) as id_right, any_value(reference) as reference, any_value(amount) as amount,
            any_value(day) as day, any_value(day_right) as day_right, any_value(movement) as movement,
            any_value(movement_right) as movement_right from pairs group by id) group by id_right""")
    db.execute(f"insert into matches select '{name}', id, id_right from single")
    db.execute(f"create table left{count} as select * from {left} anti join single using (id)")
    db.execute(f"create table right{count} as select * from {right} r where not exists (select 1 from single s where s.id_right = r.id)")
    if count == 1:
        db.execute("insert into breaks select 'movement', reference, amount from single where movement <> movement_right")
        db.execute("insert into breaks select 'late', reference, amount from single where day_right - day > 8")
    db.execute("drop table pairs; drop table single")


same = "l.currency = r.currency and l.amount = r.amount and r.day - l.day between -3 and 20"
take("reference", "billing", "settlement", f"l.reference = r.reference and {same}", 1)
take("other name", "left1", "right1", f"l.reference = r.payment and {same}", 2)
take("other name", "left2", "right2", f"l.reference = r.merchant and {same}", 3)
db.execute("""
    create table sums as
    select reference, currency from
        (select reference, currency, sum(amount) as amount from left3 group by all)
        join (select reference, currency, sum(amount) as amount from right3 group by all) using (reference, currency, amount)""")
db.execute("insert into matches select 'captures', l.id, r.id from left3 l join right3 r using (reference, currency) semi join sums using (reference, currency)")
db.execute("create table left4 as select * from left3 anti join sums using (reference, currency)")
db.execute("create table right4 as select * from right3 anti join sums using (reference, currency)")
known = "l.reference = r.reference and l.currency = r.currency"
take("net of fee", "left4", "right4", f"{known} and l.amount = r.amount - r.fee", 5)
take("customer saw", "left5", "right5", "l.reference = r.reference and l.currency = r.original_currency and l.amount = r.original_amount", 6)
take("rounding", "left6", "right6", f"{known} and abs(l.amount - r.amount) <= 2", 7)
db.execute("""
    insert into breaks select case when l.currency <> r.currency then 'currency' when l.amount = r.amount then 'timing' else 'amount' end,
    l.reference, l.amount from left7 l join right7 r on l.reference = r.reference""")
for side, other, all_of in [("left7", "right7", "settlement"), ("right7", "left7", "billing")]:
    db.execute(f"create table rest as select * from {side} anti join {other} using (reference)")
    db.execute(f"insert into breaks select 'duplicate', reference, amount from rest semi join {all_of} using (reference, amount)")
    db.execute(f"insert into breaks select 'missing-in-{all_of}', reference, amount from rest anti join {all_of} using (reference, amount)")
    db.execute("drop table rest")
db.execute("""
    insert into breaks select 'decomposition', p.reference, p.amount from payouts p
    left join (select payout, currency, sum(amount - fee) as net from settlement group by all) l
    on p.reference = l.payout and p.currency = l.currency where net is null or net <> p.amount""")
db.execute("""
    create table named as select *, replace(regexp_extract(lower(text), 'po[_-]\\d{4}[_-]\\d{2}'), '-', '_') as reference from bank""")
db.execute("""
    create table paid as select any_value(id) as id, id_right from (
        select p.id, any_value(b.id) as id_right from payouts p join named b
        on p.reference = b.reference and p.currency = b.currency and p.amount = b.amount group by p.id) group by id_right""")
db.execute("insert into matches select 'payout id', id, id_right from paid")
db.execute("create table open_payouts as select * from payouts anti join paid using (id)")
db.execute("create table open_bank as select * from bank b where not exists (select 1 from paid where paid.id_right = b.id)")
db.execute("""
    create table near as select p.id, b.id as id_right from open_payouts p join open_bank b
    on p.currency = b.currency and p.amount = b.amount and abs(b.day - p.day) <= 5
    qualify count(*) over (partition by p.id) = 1 and count(*) over (partition by b.id) = 1""")
db.execute("insert into matches select 'amount', id, id_right from near")
db.execute("insert into breaks select 'missing-in-bank', reference, amount from open_payouts anti join near using (id)")
db.execute("insert into breaks select 'missing-in-settlement', id, amount from open_bank b where not exists (select 1 from near where near.id_right = b.id)")
db.execute(f"copy matches to '{folder}/matches-duckdb.csv' (header)")
db.execute(f"copy breaks to '{folder}/breaks-duckdb.csv' (header)")
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print("peak", line.split()[1])
