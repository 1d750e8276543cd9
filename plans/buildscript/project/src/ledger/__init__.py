"""Prints an account book, in the reader's language."""

import csv
import gettext
import sys
from importlib.resources import files

from tabulate import tabulate


def main():
    """Reads lines of ``account,amount`` and prints them as a table."""
    messages = gettext.translation("ledger", str(files("ledger") / "locale"), fallback=True)
    headers = [messages.gettext("account"), messages.gettext("amount")]
    print(tabulate(csv.reader(sys.stdin), headers=headers))
