"""What turns every client of the stand-in sec.gov away for a while, in its own time."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from sandbox import faults, sec_faults
from sandbox.clock import in_utc
from sandbox.faults import Fault

BLOCK_FOR = timedelta(minutes=10)
BLOCK = replace(sec_faults.rate_limited(), name="block")
OUTAGE = replace(faults.dropped(), name="outage")


class Gate:
    """Outages, and one block that remembers who asked; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outages: list[tuple[datetime, datetime]] = []
        self._block: tuple[datetime, datetime] | None = None

    def outage(self, start: datetime, end: datetime) -> None:
        """Drop every connection from ``start`` until ``end`` (aware).

        Raises:
            ValueError: it would end before it starts.
        """
        window = in_utc("start", start), in_utc("end", end)
        if window[1] <= window[0]:
            raise ValueError(f"an outage must end after it starts, not at {end} after {start}")
        with self._lock:
            self._outages.append(window)

    def block(self, start: datetime, length: timedelta) -> None:
        """Answer every request with the rate page from ``start`` (aware) on."""
        began = in_utc("start", start)
        with self._lock:
            self._block = began, began + length

    @property
    def blocked_until(self) -> datetime | None:
        """When the block ends if nobody asks before (UTC); None where there was none."""
        with self._lock:
            return self._block[1] if self._block else None

    def refusal(self, now: datetime) -> Fault | None:
        """What a request at ``now`` meets; during a block it lasts ten minutes from then."""
        with self._lock:
            if any(start <= now < end for start, end in self._outages):
                return OUTAGE
            if self._block is None or not self._block[0] <= now < self._block[1]:
                return None
            self._block = self._block[0], max(self._block[1], now + BLOCK_FOR)
            return BLOCK
