"""The moment a stand-in lives in: set by hand, or moved on by those who read its feed."""

import threading
from datetime import UTC, datetime, timedelta

from sandbox.loopback import Request
from sandbox.paths import FEED


class Clock:
    """A clock that stands still but for what it is told; safe to use from many threads.

    Attributes:
        tick: How far each request for the feed's first page moves the clock,
            before it is answered: with a minute, ten polls take ten minutes.
        page_tick: How far each request for a later page does.
    """

    def __init__(self, now: datetime) -> None:
        self._lock = threading.Lock()
        self._now = in_utc("now", now)
        self.tick = timedelta()
        self.page_tick = timedelta()

    @property
    def now(self) -> datetime:
        """The moment, in UTC."""
        with self._lock:
            return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        with self._lock:
            self._now = in_utc("now", moment)

    def arrival(self, request: Request) -> datetime:
        """Move on as the request makes it, and tell the moment it came."""
        with self._lock:
            if request.path == FEED:
                is_first = int(request.query.get("start") or 0) == 0
                self._now += self.tick if is_first else self.page_tick
            return self._now


def in_utc(name: str, moment: datetime) -> datetime:
    """The moment in UTC, where adding to it knows no daylight saving.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{name} must have a time zone, and {moment} has none")
    return moment.astimezone(UTC)
