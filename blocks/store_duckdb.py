"""One transaction on a DuckDB file.

DuckDB lets one process write at a time, and processes that merely try again
lose commits. So the file is attached only for the length of a transaction and
behind a lock file: thread lock, ``flock``, ATTACH, transaction, DETACH. Nothing
else may open the file meanwhile: closing a second handle drops DuckDB's lock.
Processes are to be spawned, not forked.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import duckdb

from blocks.errors import StoreUnavailable
from blocks.store_flock import turn

# Safe from surprises: no extension is fetched, no local variable is read as a table.
_DUCKDB_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
# DuckDB takes a log that begins otherwise for an empty one, and writes over it.
_LOG_BEGINS = b"d\x00be\x00"
# Nothing is folded into a file that may be damaged; the next transaction finds it in the log.
_LEAVE_THE_LOG = "PRAGMA disable_checkpoint_on_shutdown"
# Alone with the file there is nobody to conflict with: a commit fails only for want of space.
_DUCKDB_TROUBLE = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.OutOfMemoryException,
    duckdb.TransactionException,
)


class DuckDbWindow:
    """Transactions on a DuckDB file, one at a time over all threads and processes."""

    dedicated = True

    def __init__(self, path: Path, lock_timeout_s: float) -> None:
        self.path = path.expanduser().resolve()  # one lock file however the path is written
        self._log = self.path.with_name(self.path.name + ".wal")
        self._lock_timeout_s = lock_timeout_s
        self._threads = threading.Lock()
        self._memory: duckdb.DuckDBPyConnection | None = None
        self._process = 0

    def __reduce__(self) -> tuple[type["DuckDbWindow"], tuple[Path, float]]:
        return DuckDbWindow, (self.path, self._lock_timeout_s)

    @contextmanager
    def transaction(self) -> Iterator["DuckDbTransaction"]:
        """See :meth:`blocks.store_windows.Window.transaction`."""
        with self._alone():
            try:
                connection = self._attached()
                connection.execute("BEGIN")
                yield DuckDbTransaction(connection)
                connection.execute("COMMIT")
            except BaseException as error:
                self._forget()  # rolls back and lets go of the file, whatever state it is in
                if _is_trouble(error):
                    raise self._unavailable(str(error)) from error
                raise
            self._detach(connection)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Nobody has the file open meanwhile, and all that was committed is in it.

        Raises:
            StoreUnavailable: the file cannot be opened, or its log not be folded in.
        """
        with self._alone():
            self._detach(self._attached())
            if self._log.exists():
                raise self._unavailable(f"what {self._log} holds could not be folded in")
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._threads.acquire(timeout=self._lock_timeout_s):
            raise self._unavailable(f"a thread of this process held it {self._lock_timeout_s:g} s")
        with ExitStack() as held:
            held.callback(self._threads.release)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                lock_file = self.path.with_name(self.path.name + ".lock")
                held.enter_context(turn(lock_file, timeout_s=self._lock_timeout_s))
            except OSError as error:
                raise self._unavailable(str(error)) from error
            yield

    def _attached(self) -> duckdb.DuckDBPyConnection:
        connection = self._connection()
        try:
            if not self.path.exists():
                self._create(connection)
            self._see_that_they_are_ours()
            connection.execute(f"ATTACH {_quoted(self.path)} AS store (TYPE duckdb)")
            connection.execute("USE store")
        except (duckdb.Error, OSError) as error:
            raise self._unavailable(str(error)) from error
        return connection

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._memory is None:
            self._memory = duckdb.connect(":memory:", config=_DUCKDB_SETTINGS)
            self._memory.execute("SET TimeZone = 'UTC'")
            self._process = os.getpid()
        if self._process != os.getpid():
            raise self._unavailable("this process was forked after DuckDB was in use; spawn it")
        return self._memory

    def _see_that_they_are_ours(self) -> None:
        if not self.path.is_file():  # DuckDB would delete the log before it says so
            raise self._unavailable("it is no file")
        with suppress(FileNotFoundError), self._log.open("rb") as log:
            if not _LOG_BEGINS.startswith(log.read(len(_LOG_BEGINS))):
                raise self._unavailable(f"{self._log} is something else than its log of commits")

    def _create(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the file complete before it bears its name: a kill leaves no half of one."""
        if self._log.exists():  # DuckDB would start afresh and delete it
            raise self._unavailable(f"the file is gone, but {self._log} still holds commits of it")
        unborn = self.path.with_name(self.path.name + ".new")
        unborn.unlink(missing_ok=True)
        connection.execute(f"ATTACH {_quoted(unborn)} AS unborn (TYPE duckdb)")
        connection.execute("DETACH unborn")
        unborn.replace(self.path)

    def _detach(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.execute("USE memory")
            connection.execute("DETACH store")
        except duckdb.Error:  # the commit stands in the log; only folding it in has failed
            self._forget()

    def _forget(self) -> None:
        if self._memory is None or self._process != os.getpid():
            return
        for last in ("ROLLBACK", _LEAVE_THE_LOG):
            with suppress(duckdb.Error):  # what went wrong before is the error to show
                self._memory.execute(last)
        with suppress(duckdb.Error):
            self._memory.close()
        self._memory = None

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"The store {self.path} cannot be used: {why}. Nothing was written. Check that the "
            "folder is writable and has room, that no other program has the file open, and that "
            f"it is the store's file; move a damaged one away, and its log {self._log.name}, and "
            f"put last night's copy in its place, {self.path.name}.copy; or start an empty store.",
            subject=str(self.path),
        )


class DuckDbTransaction:
    """See :class:`blocks.store_windows.Transaction`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one statement and fetch all it returns."""
        return self._connection.execute(sql, parameters).fetchall()

    def exclusive(self) -> None:
        """Nothing to wait for: whoever has the window has the file alone."""


def _is_trouble(error: BaseException) -> bool:
    # damage met while reading is raised as the base class itself
    return isinstance(error, _DUCKDB_TROUBLE) or type(error) is duckdb.Error


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
