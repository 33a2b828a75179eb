"""A run's dollar budget: the worst case is reserved before a call, the truth settled after."""

import math
import threading
from types import TracebackType
from typing import Self

from blocks.errors import BudgetReached, ParameterError

_NANO = 1_000_000_000  # whole numbers add up exactly, whatever the order of threads


class Budget:
    """What one run may spend on the model. Thread-safe.

    As long as no call costs more than was reserved for it, what is spent never
    passes ``limit_usd``. ``None`` is no limit; spending is counted all the same.
    Calls in flight hold back what they may cost, and others wait for what they
    leave over: how many calls a budget covers does not depend on how many are
    made at once.
    """

    def __init__(self, limit_usd: float | None) -> None:
        if limit_usd is not None and not 0 <= limit_usd < math.inf:
            raise ParameterError(f"a budget is a number of dollars, 0 or more, not {limit_usd}")
        self.limit_usd = limit_usd
        self._limit_nano = None if limit_usd is None else math.floor(limit_usd * _NANO)
        self._settled = threading.Condition()
        self._spent_nano = 0
        self._reserved_nano = 0

    @property
    def spent_usd(self) -> float:
        """Settled costs; reservations still open are not in it."""
        with self._settled:
            return self._spent_nano / _NANO

    def reserve(self, worst_usd: float | None) -> "Reservation":
        """Set aside the worst case of one call; use it as a context manager.

        Waits while only open reservations, not money spent, stand in the way.
        So a thread settles the one it holds before it asks for the next.

        Raises:
            BudgetReached: what is spent leaves no room for it, now or later, or
                it is unknown (None) under a limit.
        """
        if worst_usd is None and self._limit_nano is not None:
            raise BudgetReached(
                "the model's price is unknown, so a budget cannot be kept; name whose prices hold"
                " in the analyst block (price_provider), or run without a budget"
            )
        worst_nano = _nano(worst_usd or 0.0)
        with self._settled:
            while not self._fits(worst_nano):
                self._settled.wait()
            self._reserved_nano += worst_nano
        return Reservation(self, worst_nano)

    def _fits(self, worst_nano: int) -> bool:
        """Whether it fits now; False: it may, once the calls in flight have settled."""
        if self._limit_nano is None:
            return True
        left_nano = self._limit_nano - self._spent_nano
        if worst_nano > left_nano:
            raise BudgetReached(
                f"the next call may cost ${worst_nano / _NANO:.4f}, and of the budget of"
                f" ${self.limit_usd:.4f} ${self._spent_nano / _NANO:.4f} is spent; raise the"
                " budget, or let the next run go on"
            )
        return worst_nano <= left_nano - self._reserved_nano

    def _settle(self, worst_nano: int, actual_nano: int) -> None:
        with self._settled:
            self._reserved_nano -= worst_nano
            self._spent_nano += actual_nano
            self._settled.notify_all()


class Reservation:
    """Dollars set aside for one call. Left unsettled, they count as spent."""

    def __init__(self, budget: Budget, worst_nano: int) -> None:
        self._budget = budget
        self._worst_nano = worst_nano
        self._open = True

    def settle(self, actual_usd: float | None) -> None:
        """Book what the call cost; an unknown cost (None) is booked as the worst case."""
        if self._open:
            self._open = False
            actual_nano = self._worst_nano if actual_usd is None else _nano(actual_usd)
            self._budget._settle(self._worst_nano, actual_nano)  # noqa: SLF001  # its other half

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.settle(None)


def _nano(usd: float) -> int:
    if not 0 <= usd < math.inf:
        raise ValueError(f"a cost is a number of dollars of at least 0, not {usd}")
    return math.ceil(usd * _NANO)
