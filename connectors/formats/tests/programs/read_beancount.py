"""Prints the postings of a beancount file, as its own loader reads them."""
import json
import sys

from beancount import loader
from beancount.core import data

entries, errors, _ = loader.load_file(sys.argv[1])
if errors:
    sys.exit("\n".join(str(error) for error in errors[:5]))
for entry in entries:
    if isinstance(entry, data.Transaction):
        for posting in entry.postings:
            number, currency = posting.units
            print(json.dumps([str(entry.date), posting.account, format(number, "f"), currency]))
