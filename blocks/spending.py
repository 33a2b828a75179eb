"""What calls may cost and have cost, and whether the caps leave room for another.

Pure: every ledger asks :func:`rule`, so that one in memory and one in the store
decide alike.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final

from blocks.models import Value

NANO: Final = 1_000_000_000  # whole nano-dollars add up exactly, whatever the order
PATIENCE_S: Final = 300.0  # nearly every call has ended by then


class Cap(StrEnum):
    """What a cap is on: one flow run with its retries, or an Eastern day of all runs."""

    RUN = "run"
    DAY = "day"


class Permission(IntEnum):
    """What a call is told, from mild to strict."""

    GRANTED = 0
    NOT_NOW = 1
    NEVER = 2


class Account(Value):
    """What stands against one cap, in nano-dollars.

    ``spent_nano`` is settled, or was open for longer than announced and counts as
    its worst case. Of what is open ``in_flight_nano`` ends within ``PATIENCE_S``,
    ``held_nano`` later, as batches do. Calls of unknown cost are counted alone.
    """

    spent_nano: int = 0
    in_flight_nano: int = 0
    held_nano: int = 0
    unpriced_calls: int = 0


class Booking(Value):
    """One payment to be set aside, and for how long it may stay open.

    ``key`` names the payment, for ever: asking again with it books nothing more.
    ``worst_nano`` None: the price is unknown.
    """

    key: str
    run: str
    model: str
    worst_nano: int | None
    open_s: float


class Ruling(Value):
    """A permission or none, and the account at the cap that is the strictest."""

    permission: Permission = Permission.GRANTED
    cap: Cap | None = None
    account: Account = Account()


class Balance(Value):
    """How a cap stands, for people; ``cap_usd`` None: there is none, and this is spent."""

    cap: Cap
    cap_usd: float | None
    spent_usd: float
    open_usd: float
    unpriced_calls: int

    @property
    def left_usd(self) -> float | None:
        """What neither is spent nor may be by what is open; None: there is no cap."""
        if self.cap_usd is None:
            return None
        return max(0.0, self.cap_usd - self.spent_usd - self.open_usd)


def rule(worst_nano: int, accounts: Mapping[Cap, Account], caps_nano: Mapping[Cap, int]) -> Ruling:
    """What a call that may cost so much is told: the strictest that any cap says."""
    rulings = (
        Ruling(
            permission=_permission(worst_nano, accounts[cap], cap_nano),
            cap=cap,
            account=accounts[cap],
        )
        for cap, cap_nano in caps_nano.items()
    )
    return max(rulings, key=lambda ruling: ruling.permission, default=Ruling())


def _permission(worst_nano: int, account: Account, cap_nano: int) -> Permission:
    """What is held for long is not waited for: a live run must not stand still for a batch."""
    left_nano = cap_nano - account.spent_nano - account.held_nano
    if worst_nano > left_nano:
        return Permission.NEVER
    fits_now = worst_nano <= left_nano - account.in_flight_nano
    return Permission.GRANTED if fits_now else Permission.NOT_NOW


def balance(cap: Cap, account: Account, cap_nano: int | None) -> Balance:
    """An account in dollars."""
    return Balance(
        cap=cap,
        cap_usd=None if cap_nano is None else cap_nano / NANO,
        spent_usd=account.spent_nano / NANO,
        open_usd=(account.in_flight_nano + account.held_nano) / NANO,
        unpriced_calls=account.unpriced_calls,
    )
