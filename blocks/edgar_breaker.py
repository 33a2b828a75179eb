"""A circuit breaker for EDGAR, shared by all processes of a machine.

Once SEC asks an address to stay away, every further request prolongs the
block, whoever sends it. So what tripped the breaker is kept in a small SQLite
file beside the request limit's, which every process looks at before a request
leaves. The file outlives the processes: the next run knows, too.

The file is opened for each look. A look costs less than a millisecond against
eight requests a second, and nothing is left open, shared by threads or stale
when an operator deletes the file to let requests out early.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from blocks.errors import ConfigurationError, EdgarBlocked
from blocks.models import EASTERN, utc_now

LONGEST_S = 86_400.0

_BUSY_S = 60.0
_TABLE = (
    "CREATE TABLE IF NOT EXISTS trips (server TEXT PRIMARY KEY,"
    " since_s REAL NOT NULL, wait_s REAL NOT NULL, why TEXT NOT NULL)"
)


@dataclass(frozen=True)
class Trip:
    """What tripped the breaker (``why``), when (aware, UTC), and for how long."""

    since: datetime
    wait_s: float
    why: str

    @property
    def until(self) -> datetime:
        """When the next request may leave (aware, UTC)."""
        return self.since + timedelta(seconds=self.wait_s)


def standing(trip: Trip, now: datetime) -> Trip | None:
    """The trip that holds requests back at ``now``, or None where it is over.

    One from the future was kept before the machine's clock was set back. It
    begins anew: how long it has stood is not known, and it is never longer
    than its wait from now.
    """
    if trip.since > now:
        return replace(trip, since=now)
    return trip if now < trip.until else None


def told_eastern(moment: datetime) -> str:
    """A moment as a reader of EDGAR dates it: ``2026-11-25 14:03:05 EST``."""
    return f"{moment.astimezone(EASTERN):%Y-%m-%d %H:%M:%S %Z}"


def told_held(until: datetime) -> str:
    """What to do about a trip that stands until ``until``, whatever kind of run met it."""
    return f"No request leaves before {told_eastern(until)}; run again after that."


@dataclass(frozen=True)
class Breaker:
    """Holds requests to ``server`` back while a trip stands in the file at ``path``.

    Thread-safe, and safe to use from several processes. Every method raises
    ConfigurationError where the file cannot be opened, read or written.
    """

    path: Path
    server: str

    def check(self, asked: str) -> None:
        """Return if a request for ``asked`` may leave now.

        After a trip has run out the next request is the probe: if it is
        blocked, whoever sent it trips the breaker again.

        Raises:
            EdgarBlocked: a trip stands; nothing was asked.
        """
        with self._held() as file:
            kept = self._read(file)
            trip = kept and standing(kept, utc_now())
            if trip is not None and trip != kept:
                self._write(file, trip)
        if trip is not None:
            raise EdgarBlocked(
                f"EDGAR was not asked for {asked}: since {told_eastern(trip.since)} SEC asks this"
                f" address to stay away ({trip.why}). {told_held(trip.until)}",
                subject=asked,
                until=trip.until,
            )

    def trip(self, why: str, wait_s: float) -> Trip:
        """Let no request out for ``wait_s`` seconds, at most a day; return what now stands.

        A trip that lasts longer stays, so that the last of many requests in
        flight cannot shorten what another one was told.
        """
        new = Trip(utc_now(), min(wait_s, LONGEST_S), why)
        with self._held() as file:
            kept = self._read(file)
            old = kept and standing(kept, new.since)
            latest = max((trip for trip in (new, old) if trip), key=lambda trip: trip.until)
            self._write(file, latest)
        return latest

    @contextmanager
    def _held(self) -> Iterator[sqlite3.Connection]:
        """The file in one transaction that keeps other processes out meanwhile."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(
                sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
            ) as file:
                # for writing although most only read: a file that could not keep a block is
                # found before the first request and not when SEC blocks
                file.execute("BEGIN IMMEDIATE")
                file.execute(_TABLE)
                yield file
                file.execute("COMMIT")
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            raise ConfigurationError(
                f"the file {self.path}, which keeps whether SEC blocks this machine, cannot be"
                f" used ({error}): make its folder writable, end a stopped process that holds it,"
                " delete the file if it is damaged, or set limiter_path to another.",
                subject=str(self.path),
            ) from error

    def _read(self, file: sqlite3.Connection) -> Trip | None:
        row = file.execute(
            "SELECT since_s, wait_s, why FROM trips WHERE server = ?", (self.server,)
        ).fetchone()
        return _trip_of(*row) if row else None

    def _write(self, file: sqlite3.Connection, trip: Trip) -> None:
        file.execute(
            "INSERT OR REPLACE INTO trips VALUES (?, ?, ?, ?)",
            (self.server, trip.since.timestamp(), trip.wait_s, trip.why),
        )


def _trip_of(since_s: object, wait_s: object, why: object) -> Trip:
    """The trip of a row; ValueError or OverflowError where the file holds no times."""
    if not isinstance(since_s, float) or not isinstance(wait_s, float) or not wait_s >= 0:
        raise ValueError(f"it says {wait_s!r} seconds from {since_s!r} on")
    return Trip(datetime.fromtimestamp(since_s, UTC), min(wait_s, LONGEST_S), str(why))
