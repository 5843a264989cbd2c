"""Prints the splits of a GnuCash book, as GnuCash's engine reads them; refuses what is not balanced."""
import json
import sys
from fractions import Fraction

from gnucash import Session, SessionOpenMode
from gnucash.gnucash_core_c import ACCT_TYPE_ROOT


def exact(number):
    return Fraction(number.num(), number.denom())


def decimal(number):
    places = len(str(number.denom())) - 1
    if number.denom() != 10**places:
        sys.exit(f"{number.denom()} is no power of ten")
    sign, digits = ("-" if number.num() < 0 else ""), str(abs(number.num())).zfill(places + 1)
    return sign + (digits[:-places] + "." + digits[-places:] if places else digits)


session = Session("xml://" + sys.argv[1], SessionOpenMode.SESSION_READ_ONLY)
seen = set()
for account in session.book.get_root_account().get_descendants():
    name = account.get_full_name().replace(".", ":")
    if account.GetName().startswith(("Imbalance-", "Orphan-")):
        sys.exit(f"there is an account {name}")
    parent = account.get_parent()
    if parent.GetType() != ACCT_TYPE_ROOT and parent.GetType() != account.GetType():
        sys.exit(f"{name} is of another type than the one above it")
    currency = account.GetCommodity().get_mnemonic()
    total = Fraction(0)
    for split in account.GetSplitList():
        transaction = split.parent
        if transaction.GetGUID().to_string() not in seen:
            seen.add(transaction.GetGUID().to_string())
            if not transaction.IsBalanced() or exact(transaction.GetImbalanceValue()) != 0:
                sys.exit(f"transaction {transaction.GetNum()} is not balanced")
        total += exact(split.GetAmount())
        day = transaction.GetDate().strftime("%Y-%m-%d")
        print(json.dumps([day, name, decimal(split.GetAmount()), currency]))
    if total != exact(account.GetBalance()):
        sys.exit(f"the balance of {name} is not the sum of its splits")
if len(seen) != int(sys.argv[2]):
    sys.exit(f"{len(seen)} transactions were read, {sys.argv[2]} written")
session.end()
