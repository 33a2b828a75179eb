"""What the tests of money run in processes of their own."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from store_children import window_at

from blocks.budget import Budget
from blocks.errors import BudgetReached
from blocks.spending import NANO, Booking
from blocks.store_spending import SpendingLedger


def reserve_and_die(url: str) -> None:
    """Be killed with a call in flight that may cost 50 nano-dollars."""
    asked = Booking(key="doomed", run="killed", model="m", worst_nano=50, open_s=60)
    SpendingLedger(window_at(url)).reserve(asked, {})
    os.kill(os.getpid(), signal.SIGKILL)


def reserve_a_batch(url: str) -> None:
    """Leave a reservation open on purpose."""
    budget = Budget(None, 1.0, ledger=SpendingLedger(window_at(url)), run="nightly")
    budget.reserve(0.9, key="batch", open_s=86_400)


def spend(url: str, run: str) -> None:
    """Make calls of 3 nano-dollars that may cost 7, until a daily cap of 100 is reached.

    Prints how many were made and how many threads were refused.
    """
    budget = Budget(None, 100 / NANO, ledger=SpendingLedger(window_at(url)), run=run)

    def until_refused(_: int) -> tuple[int, int]:
        for made in range(100):
            try:
                budget.reserve(7 / NANO).settle(3 / NANO)
            except BudgetReached:
                return made, 1
        return 100, 0

    with ThreadPoolExecutor(8) as pool:
        made, refused = zip(*pool.map(until_refused, range(8)), strict=True)
    sys.stdout.write(f"{sum(made)} {sum(refused)}\n")
