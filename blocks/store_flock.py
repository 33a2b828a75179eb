"""Processes take turns: a lock file that the kernel frees with its holder.

The lock is ``flock`` on a side file, so a killed holder leaves nothing behind,
and the file itself is never deleted: a waiter on a deleted file would wait for
nobody. Whoever holds the lock has its process number written in the file, as a
hint for those who waited in vain.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from blocks.errors import StoreUnavailable


@contextlib.contextmanager
def turn(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock file at ``path``; it is created if absent.

    Raises:
        StoreUnavailable: another process kept the lock for ``timeout_s`` seconds.
        OSError: the lock file cannot be created or opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    if not _Wait(handle).granted_within(timeout_s):
        raise StoreUnavailable(_stuck(path, timeout_s), subject=str(path))
    try:
        _sign(handle)
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


class _Wait:
    """One wait for one open lock file, which it closes if the wait is given up.

    ``flock`` knows no timeout, and asking again and again lets the process that
    has just had its turn take the next one too. So a contended lock is waited
    for in the kernel's queue, by a thread that can be abandoned.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._granted = threading.Event()
        self._given_up = False
        self._deciding = threading.Lock()

    def granted_within(self, timeout_s: float) -> bool:
        """Whether the lock was granted in time; if not, the handle is closed or will be."""
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        threading.Thread(target=self._queue, name="store-turn", daemon=True).start()
        in_time = False
        try:
            in_time = self._granted.wait(timeout_s)
        finally:
            if not in_time:
                self._give_up()
        return in_time

    def _queue(self) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        with self._deciding:
            if self._given_up:
                os.close(self._handle)
            else:
                self._granted.set()

    def _give_up(self) -> None:
        with self._deciding:
            self._given_up = True
            if self._granted.is_set():
                os.close(self._handle)


def _sign(handle: int) -> None:
    with contextlib.suppress(OSError):  # a full disk must not cost the turn, only the hint
        os.pwrite(handle, b"%-20d\n" % os.getpid(), 0)  # one length, to overwrite the last


def _stuck(path: Path, timeout_s: float) -> str:
    with contextlib.suppress(OSError, ValueError):
        return (
            f"The store was in use for {timeout_s:g} s by process {int(path.read_bytes())}, as "
            f"{path} says. See what that process is doing; end it if it hangs, and run again."
        )
    return f"The store was in use for {timeout_s:g} s: {path} is locked. Find its holder (fuser)."
