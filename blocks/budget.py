"""Dollars for the model: the worst case is reserved before a call, the truth settled after."""

import logging
import math
import threading
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from blocks.budget_memory import MemoryLedger
from blocks.errors import BudgetReached, ParameterError, StoreError
from blocks.spending import (
    NANO,
    PATIENCE_S,
    Account,
    Balance,
    Booking,
    Cap,
    Permission,
    Ruling,
    balance,
    rule,
)

_ASK_AGAIN_S: Final = 0.5  # another process may have settled


class _Words(NamedTuple):
    """How a cap is spoken of: who sets it, whose spending it bounds, when there is room again."""

    setting: str
    named: str
    spent_by: str
    go_on: str


_WORDS: Final[Mapping[Cap, _Words]] = {
    Cap.RUN: _Words(
        "budget_usd",
        "the run's cap (parameter budget_usd)",
        "by this run",
        "let the next run go on",
    ),
    Cap.DAY: _Words(
        "daily_cap_usd",
        "the daily cap (daily_cap_usd of the analyst block)",
        "today (Eastern) by all runs",
        "let a run of the next day go on",
    ),
}

_logger = logging.getLogger(__name__)


class Ledger(Protocol):
    """Where bookings are kept, for one process or for all. Safe from any thread."""

    def reserve(self, booking: Booking, caps_nano: Mapping[Cap, int]) -> Ruling:
        """Set a payment aside, if every cap leaves room for it; one step for all processes.

        What is set aside and neither settled nor open any more counts as spent, at
        its worst case. A key that is known is granted again, and booked once.
        """
        ...

    def settle(self, key: str, actual_nano: int | None) -> bool:
        """Book what a payment came to, once; None: the worst case. False: no such key."""
        ...

    def accounts(self, run: str) -> Mapping[Cap, Account]:
        """What stands against the run's cap, and against that of the present Eastern day."""
        ...


class Budget:
    """What one run may spend on the model, and all runs in a day. Thread-safe.

    As long as no call costs more than was reserved for it, what is spent never
    passes a cap. None is no cap; spending is booked all the same. Calls in
    flight hold back what they may cost, and others wait for what they leave
    over: how many calls a budget covers does not depend on how many are made at
    once. A day is Eastern, and a call belongs to the day on which it is reserved.

    Args:
        limit_usd: cap of the run.
        daily_cap_usd: cap of the day, over all that is in the ledger.
        ledger: where bookings are kept; without one, in memory.
        run: the flow run's id, under which a retry of it finds what it has spent.
        model: on whose calls the money goes.

    Raises:
        ParameterError: a cap is no amount.
    """

    def __init__(
        self,
        limit_usd: float | None,
        daily_cap_usd: float | None = None,
        *,
        ledger: Ledger | None = None,
        run: str = "",
        model: str = "",
    ) -> None:
        caps_usd = {Cap.RUN: limit_usd, Cap.DAY: daily_cap_usd}
        self._caps_nano = {cap: _cap_nano(usd) for cap, usd in caps_usd.items() if usd is not None}
        self._ledger: Ledger = MemoryLedger() if ledger is None else ledger
        self._is_shared = ledger is not None
        self._run = run
        self._model = model
        self._turn = threading.Lock()
        self._settled = threading.Condition()

    def balances(self) -> tuple[Balance, ...]:
        """How the run's cap and the day's stand; what is spent also where there is none.

        Empty without a ledger: what others spend is not known here.
        """
        if not self._is_shared:
            return ()
        accounts = self._ledger.accounts(self._run)
        return tuple(balance(cap, accounts[cap], self._caps_nano.get(cap)) for cap in Cap)

    def check_day(self, worst_usd: float | None) -> None:
        """See whether the day has room for a call of this size, now or later. Books nothing.

        Raises:
            BudgetReached: it has none.
        """
        cap_nano = self._caps_nano.get(Cap.DAY)
        if cap_nano is None or worst_usd is None:
            return
        worst_nano = _nano(worst_usd)
        ruling = rule(worst_nano, self._ledger.accounts(self._run), {Cap.DAY: cap_nano})
        self._refuse_what_never_fits(ruling, worst_nano)

    def reserve(
        self, worst_usd: float | None, *, key: str | None = None, open_s: float = PATIENCE_S
    ) -> "Reservation":
        """Set aside the worst case of one call; use it as a context manager.

        Waits while only calls in flight, not money spent, stand in the way; so a
        thread settles the one it holds before it asks for the next. What is open
        for longer than ``PATIENCE_S``, as batches are, is not waited for.

        Args:
            worst_usd: what the call may cost at most; None: unknown.
            key: names the payment, for ever: reserving or settling it again books
                nothing more, in whatever process. Without one it has its own.
            open_s: seconds until it counts as spent in full unless it is settled.
                A reservation that is not used as a context manager stays open
                until then, for :meth:`settle` by its key.

        Raises:
            BudgetReached: what is spent leaves no room for it, now or later, or
                it is unknown (None) under a cap.
            StoreError: it could not be booked, so the call must not be made.
        """
        if worst_usd is None and self._caps_nano:
            raise BudgetReached(
                "the model's price is unknown, so a budget cannot be kept; name whose prices hold"
                " in the analyst block (price_provider), or run without a budget"
            )
        booking = Booking(
            key=key or uuid.uuid4().hex,
            run=self._run,
            model=self._model,
            worst_nano=None if worst_usd is None else _nano(worst_usd),
            open_s=open_s,
        )
        with self._turn:  # those behind would be told the same, and the ledger is asked less
            self._wait_for(booking)
        return Reservation(self, booking.key)

    def settle(self, key: str, actual_usd: float | None) -> None:
        """Book what a payment cost, also one reserved elsewhere; None: as its worst case.

        What could not be booked stays booked at its worst case: the answer is
        paid for, so this is a warning and no error.
        """
        actual_nano = None if actual_usd is None else _nano(actual_usd)
        try:
            if not self._ledger.settle(key, actual_nano):
                _logger.warning("payment %s was settled and never reserved: not booked", key)
        except StoreError as error:
            _logger.warning("payment %s stays booked at its worst case: %s", key, error)
        with self._settled:
            self._settled.notify_all()

    def _wait_for(self, booking: Booking) -> None:
        with self._settled:  # held while asking, so that nothing settles unseen in between
            while True:
                ruling = self._ledger.reserve(booking, self._caps_nano)
                if ruling.permission is Permission.GRANTED:
                    return
                self._refuse_what_never_fits(ruling, booking.worst_nano or 0)
                self._settled.wait(_ASK_AGAIN_S)

    def _refuse_what_never_fits(self, ruling: Ruling, worst_nano: int) -> None:
        cap, account = ruling.cap, ruling.account
        if ruling.permission is not Permission.NEVER or cap is None:
            return
        words, held = _WORDS[cap], ""
        if account.held_nano:
            held = f", {_usd(account.held_nano)} more is set aside for what settles much later"
        # with nothing spent there will be no more room at another time
        or_wait = f", or {words.go_on}" if account.spent_nano or held else ""
        raise BudgetReached(
            f"the next call may cost {_usd(worst_nano)}, and of {words.named} of"
            f" {_usd(self._caps_nano[cap])} {_usd(account.spent_nano)} is spent"
            f" {words.spent_by}{held}; raise it{or_wait}",
            subject=words.setting,
        )


class Reservation:
    """Dollars set aside for one payment. Left unsettled, they count as spent."""

    def __init__(self, budget: Budget, key: str) -> None:
        self._budget = budget
        self._open = True
        self.key = key

    def settle(self, actual_usd: float | None) -> None:
        """Book what the call cost; an unknown cost (None) is booked as the worst case."""
        if self._open:
            self._budget.settle(self.key, actual_usd)
            self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.settle(None)


def _cap_nano(usd: float) -> int:
    if not 0 <= usd < math.inf:
        raise ParameterError(f"a budget is a number of dollars, 0 or more, not {usd}")
    return math.floor(usd * NANO)


def _nano(usd: float) -> int:
    if not 0 <= usd < math.inf:
        raise ValueError(f"a cost is a number of dollars of at least 0, not {usd}")
    return math.ceil(usd * NANO)


def _usd(nano: int) -> str:
    return f"${nano / NANO:.4f}"
