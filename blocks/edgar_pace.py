"""One request rate for all processes of a machine, kept in a small SQLite file.

pyrate-limiter's SQLite bucket counts requests in a sliding window. Its own
lock needs a further package, so SQLite's write lock, which the kernel drops
with a dying process, guards each look at the bucket instead.

Requests are spaced, not let out in bursts: a burst's stragglers and the next
burst could meet within one second. A tenth of slack on top keeps any second
within the rate although requests take unequal time to reach the server.
"""

import math
import os
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from typing import cast

from pyrate_limiter import Rate, RateItem, SQLiteBucket

from blocks.errors import ConfigurationError

_SLACK = 1.1
_BUSY_TIMEOUT_MS = 60_000


def default_limiter_path() -> Path:
    """One file for all processes of this user on this machine."""
    user = str(os.getuid()) if hasattr(os, "getuid") else getuser()
    return Path(tempfile.gettempdir()) / f"sec-filings-{user}" / "edgar-requests.sqlite"


class RequestPace:
    """Grants turns at most ``max_per_s`` a second to all users of ``path`` and ``server``.

    Thread-safe; may be pickled, and is then opened anew.
    """

    def __init__(self, path: Path, server: str, max_per_s: float) -> None:
        self._made_of = (path, server, max_per_s)
        self._path = path
        self._table = "requests_to_" + re.sub(r"\W", "_", server.lower())
        self._spacing_ms = math.ceil(1000 * _SLACK / max_per_s)
        self._bucket: SQLiteBucket | None = None
        self._turn = threading.Lock()

    def __reduce__(self) -> tuple[type["RequestPace"], tuple[Path, str, float]]:
        return RequestPace, self._made_of

    def wait(self) -> None:
        """Return when it is this caller's turn to send one request.

        Raises:
            ConfigurationError: the file cannot be opened or written.
        """
        # one waiter per process: the others need not look at the file meanwhile
        with self._turn:
            while wait_ms := self._ask():
                time.sleep(wait_ms / 1000)

    def close(self) -> None:
        """Let go of the file; the next turn opens it anew."""
        with self._turn:
            self._let_go()

    def _let_go(self) -> None:
        if self._bucket is not None:
            self._bucket.close()  # type: ignore[no-untyped-call]  # ships half its types
            self._bucket = None

    def _ask(self) -> int:
        """Take a turn and return 0, or return the milliseconds until one may be free."""
        try:
            if self._bucket is None:
                self._bucket = self._opened()
            return self._take(self._bucket)
        except (sqlite3.Error, OSError) as error:
            self._let_go()  # a file that was opened to be read stays so
            raise ConfigurationError(
                f"the request limit's file {self._path} cannot be used ({error}): make its folder"
                " writable, delete the file if it is damaged, or set limiter_path to another.",
                subject=str(self._path),
            ) from error

    def _opened(self) -> SQLiteBucket:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        bucket = SQLiteBucket.init_from_file(
            [Rate(1, self._spacing_ms)], table=self._table, db_path=str(self._path)
        )
        bucket.conn.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        # losing the last turns to a power cut is harmless, waiting for the disk is not
        bucket.conn.execute("PRAGMA synchronous=OFF")
        return bucket

    def _take(self, bucket: SQLiteBucket) -> int:
        with _exclusive(bucket.conn):
            bucket.leak(_now_ms())  # ends the transaction
        with _exclusive(bucket.conn):
            turn = RateItem("request", _now_ms())
            if bucket.put(turn):
                return 0
            wait_ms = cast("int", bucket.waiting(turn))  # awaitable only in async buckets
        if wait_ms > self._spacing_ms + 1:
            bucket.flush()  # turns in the future: the machine's clock was set back
        return min(wait_ms, self._spacing_ms)


@contextmanager
def _exclusive(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold SQLite's write lock until the bucket commits, or to the end of the block."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.rollback()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
