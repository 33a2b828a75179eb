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
    """

    def __init__(self, limit_usd: float | None) -> None:
        if limit_usd is not None and not 0 <= limit_usd < math.inf:
            raise ParameterError(f"a budget is a number of dollars, 0 or more, not {limit_usd}")
        self.limit_usd = limit_usd
        self._limit_nano = None if limit_usd is None else math.floor(limit_usd * _NANO)
        self._lock = threading.Lock()
        self._spent_nano = 0
        self._reserved_nano = 0

    @property
    def spent_usd(self) -> float:
        """Settled costs; reservations still open are not in it."""
        with self._lock:
            return self._spent_nano / _NANO

    def reserve(self, worst_usd: float | None) -> "Reservation":
        """Set aside the worst case of one call; use it as a context manager.

        Raises:
            BudgetReached: it does not fit, or is unknown (None) under a limit.
        """
        if worst_usd is None and self._limit_nano is not None:
            raise BudgetReached(
                "the model's price is unknown, so a budget cannot be kept; name whose prices hold"
                " in the analyst block (price_provider), or run without a budget"
            )
        worst_nano = _nano(worst_usd or 0.0)
        with self._lock:
            taken_nano = self._spent_nano + self._reserved_nano
            if self._limit_nano is not None and taken_nano + worst_nano > self._limit_nano:
                raise BudgetReached(
                    f"the next call may cost ${worst_nano / _NANO:.4f}, and of the budget of"
                    f" ${self.limit_usd:.4f} ${taken_nano / _NANO:.4f} is spent or set aside;"
                    " raise the budget, or let the next run go on"
                )
            self._reserved_nano += worst_nano
        return Reservation(self, worst_nano)

    def _settle(self, worst_nano: int, actual_nano: int) -> None:
        with self._lock:
            self._reserved_nano -= worst_nano
            self._spent_nano += actual_nano


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
