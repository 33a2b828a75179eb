"""What the store's tests run in processes of their own; without Prefect, to start quickly."""

import os
import signal
import sys
from typing import LiteralString

from sqlalchemy.engine import make_url
from store_filings import enriched, failure, filings, reporting

import blocks.store_ledger as ledger
from blocks.models import Filing, accession_key
from blocks.store_windows import Row, Transaction, Window, window_for


def window_at(url: str) -> Window:
    return window_for(make_url(url), None, lock_timeout_s=30)


def by_key(*numbers: int) -> dict[int, Filing]:
    return {accession_key(filing.accession): filing for filing in filings(*numbers)}


def claim_range(url: str, owner: str, first: int, last: int) -> None:
    """Claim a range in batches, and print the numbers granted."""
    window = window_at(url)
    for start in range(first, last, 10):
        wanted = by_key(*range(start, min(start + 10, last)))
        with ledger.opened(window, writes=True) as transaction:
            claim = ledger.claim(transaction, wanted, ledger.Terms(owner, lease_s=60))
        for claimed in claim.granted:
            sys.stdout.write(f"{int(claimed.filing.accession[-6:])}\n")


class Dying:
    """A transaction whose process is killed after so many writing statements."""

    def __init__(self, transaction: Transaction, statements: int) -> None:
        self._transaction = transaction
        self._left = statements

    def rows(self, sql: LiteralString, *parameters: object) -> list[Row]:
        rows = self._transaction.rows(sql, *parameters)
        self._left -= sql.lstrip().startswith(("UPDATE", "INSERT"))
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return rows

    def exclusive(self) -> None:
        self._transaction.exclusive()


def die_after(url: str, statements: int) -> None:
    """Record an original, its amendment and a failure, and be killed on the way."""
    [first], [second], [third] = by_key(1), by_key(2), by_key(3)
    with ledger.opened(window_at(url), writes=True) as transaction:
        ledger.record(
            Dying(transaction, statements),
            {first: reporting(1), second: reporting(2, "8-K/A")},
            {third: failure(3)},
            owner="killed",
            max_attempts=3,
        )


def record_batches(url: str) -> None:
    """Claim and record five filings after five, saying so after each commit, until killed."""
    window = window_at(url)
    for first in range(1, 100_000, 5):
        batch = by_key(*range(first, first + 5))
        with ledger.opened(window, writes=True) as transaction:
            ledger.claim(transaction, batch, ledger.Terms("killed", lease_s=0))
        ended = dict(zip(batch, map(enriched, range(first, first + 5)), strict=True))
        with ledger.opened(window, writes=True) as transaction:
            ledger.record(transaction, ended, {}, owner="killed", max_attempts=3)
        sys.stdout.write(f"{first}\n")
        sys.stdout.flush()
