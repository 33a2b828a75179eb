"""The ledger of one process that shares its budget with no other."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from blocks.models import eastern_day, utc_now
from blocks.spending import PATIENCE_S, Account, Booking, Cap, Permission, Ruling, rule


@dataclass
class _Entry:
    booking: Booking
    day: date
    open_until: datetime
    settled: bool = False
    actual_nano: int | None = None


class MemoryLedger:
    """See :class:`blocks.budget.Ledger`. Thread-safe; gone with the process."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def reserve(self, booking: Booking, caps_nano: Mapping[Cap, int]) -> Ruling:
        """See :meth:`blocks.budget.Ledger.reserve`."""
        with self._lock:
            if booking.key in self._entries:
                return Ruling()
            now = self._now()
            accounts = self._accounts(booking.run, now) if caps_nano else {}
            ruling = rule(booking.worst_nano or 0, accounts, caps_nano)
            if ruling.permission is Permission.GRANTED:
                self._entries[booking.key] = _Entry(
                    booking, eastern_day(now), now + timedelta(seconds=booking.open_s)
                )
            return ruling

    def settle(self, key: str, actual_nano: int | None) -> bool:
        """See :meth:`blocks.budget.Ledger.settle`."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and not entry.settled:
                entry.settled = True
                entry.actual_nano = (
                    entry.booking.worst_nano if actual_nano is None else actual_nano
                )
            return entry is not None

    def accounts(self, run: str) -> dict[Cap, Account]:
        """See :meth:`blocks.budget.Ledger.accounts`."""
        with self._lock:
            return self._accounts(run, self._now())

    def _accounts(self, run: str, now: datetime) -> dict[Cap, Account]:
        entries, today = self._entries.values(), eastern_day(now)
        return {
            Cap.RUN: _sum((one for one in entries if one.booking.run == run), now),
            Cap.DAY: _sum((one for one in entries if one.day == today), now),
        }


def _sum(entries: Iterable[_Entry], now: datetime) -> Account:
    spent = in_flight = held = unpriced = 0
    for entry in entries:
        ended = entry.settled or entry.open_until <= now
        cost = entry.actual_nano if entry.settled else entry.booking.worst_nano
        unpriced += ended and cost is None
        if ended:
            spent += cost or 0
        elif entry.open_until <= now + timedelta(seconds=PATIENCE_S):
            in_flight += cost or 0
        else:
            held += cost or 0
    return Account(
        spent_nano=spent, in_flight_nano=in_flight, held_nano=held, unpriced_calls=unpriced
    )
