"""The obvious way in polars: join on reference, currency and amount; then what is left, pass by pass."""

import sys
import polars as pl

folder = sys.argv[1]
TYPES = {"day": pl.Date, "original_amount": pl.Int64, "text": pl.String, "original_currency": pl.String}


def read(name, columns):
    return pl.scan_csv(f"{folder}/{name}.csv", schema_overrides=TYPES).select(columns)


def once(pairs):
    return pairs.unique("id", keep="first").unique("id_right", keep="first")


def near(first, last):
    return (pl.col("day_right") - pl.col("day")).dt.total_days().is_between(first, last)


def without(rows, pairs, column="id"):
    return rows.join(pairs.select(pl.col(column).alias("id")), on="id", how="anti")


billing = read("billing", ["id", "reference", "currency", "day", "amount", "customer", "movement"]).collect()
settlement = read(
    "settlement",
    ["id", "reference", "payment", "merchant", "currency", "day", "amount", "fee", "payout", "movement",
     "original_amount", "original_currency"],
).collect()
payouts = read("payouts", ["id", "reference", "currency", "day", "amount"]).collect()
bank = read("bank", ["id", "currency", "day", "amount", "text"]).collect()

matches = []


def take(left, right, pairs, name):
    matches.append(pairs.select(pl.lit(name).alias("pass"), "id", "id_right"))
    return without(left, pairs), without(right, pairs, "id_right")


key = ["reference", "currency", "amount"]
pairs = once(billing.join(settlement.select("id", *key, "day", "movement"), on=key).filter(near(-3, 20)))
movement = pairs.filter(pl.col("movement") != pl.col("movement_right"))
late = pairs.filter((pl.col("day_right") - pl.col("day")).dt.total_days() > 8)
left, right = take(billing, settlement, pairs, "reference")
for other in ["payment", "merchant"]:
    pairs = once(left.join(right, left_on=key, right_on=[other, "currency", "amount"]).filter(near(-3, 20)))
    left, right = take(left, right, pairs, "other name")
sums = [
    side.group_by("reference", "currency").agg(pl.col("amount").sum(), pl.col("id"))
    for side in [left, right]
]
grouped = sums[0].join(sums[1], on=key)
pairs = grouped.explode("id").explode("id_right")
left, right = take(left, right, pairs, "captures")
pairs = once(left.join(right, on=["reference", "currency"]).filter(pl.col("amount") == pl.col("amount_right") - pl.col("fee")))
left, right = take(left, right, pairs, "net of fee")
pairs = once(
    left.join(right, on="reference").filter(
        (pl.col("original_currency") == pl.col("currency")) & (pl.col("original_amount") == pl.col("amount"))
    )
)
left, right = take(left, right, pairs, "customer saw")
pairs = once(left.join(right, on=["reference", "currency"]).filter((pl.col("amount") - pl.col("amount_right")).abs() <= 2))
left, right = take(left, right, pairs, "rounding")
both = left.join(right, on="reference")
breaks = [
    movement.select(pl.lit("movement").alias("kind"), "reference", "amount"),
    late.select(pl.lit("late").alias("kind"), "reference", "amount"),
    both.select(
        pl.when(pl.col("currency") != pl.col("currency_right")).then(pl.lit("currency"))
        .when(pl.col("amount") == pl.col("amount_right")).then(pl.lit("timing"))
        .otherwise(pl.lit("amount")).alias("kind"),
        "reference", "amount",
    ),
]
for side, known, other in [(left, settlement, "settlement"), (right, billing, "billing")]:
    rest = without(without(side, both), both, "id_right")
    twins = rest.join(known.select("reference", "amount"), on=["reference", "amount"], how="semi")
    breaks.append(twins.select(pl.lit("duplicate").alias("kind"), "reference", "amount"))
    missing = without(rest, twins)
    breaks.append(missing.select(pl.lit(f"missing-in-{other}").alias("kind"), "reference", "amount"))

lines = settlement.group_by("payout", "currency").agg((pl.col("amount") - pl.col("fee")).sum().alias("net"), pl.len())
proved = payouts.join(lines, left_on=["reference", "currency"], right_on=["payout", "currency"], how="left")
unproved = proved.filter(pl.col("net").is_null() | (pl.col("net") != pl.col("amount")))
breaks.append(unproved.select(pl.lit("decomposition").alias("kind"), "reference", "amount"))
named = bank.with_columns(
    pl.col("text").str.to_lowercase().str.extract(r"(po[_-]\d{4}[_-]\d{2})").str.replace_all("-", "_").alias("reference")
)
pairs = once(payouts.join(named, on=["reference", "currency", "amount"]))
left, right = take(payouts, bank, pairs, "payout id")
pairs = left.join(right, on=["currency", "amount"]).filter((pl.col("day_right") - pl.col("day")).dt.total_days().abs() <= 5)
pairs = pairs.filter((pl.len().over("id") == 1) & (pl.len().over("id_right") == 1))
left, right = take(left, right, pairs, "amount")
breaks.append(left.select(pl.lit("missing-in-bank").alias("kind"), "reference", "amount"))
breaks.append(right.select(pl.lit("missing-in-settlement").alias("kind"), pl.col("id").alias("reference"), "amount"))

pl.concat(matches).write_csv(f"{folder}/matches-polars.csv")
pl.concat(breaks).write_csv(f"{folder}/breaks-polars.csv")
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print("peak", line.split()[1])
