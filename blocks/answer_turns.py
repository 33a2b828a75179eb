"""Turns among threads and processes: a lock file that is there only while somebody holds it.

The lock is ``flock``, which the kernel lifts when its holder ends, however that
comes about. Its holder deletes the file before letting go, or there would soon be
one for every answer; so whoever is granted a lock looks whether the file of that
name is still the one it has locked.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

_LOOK_AGAIN_S: Final = 0.05  # against seconds that a model takes


@contextmanager
def turn(path: Path, *, patience_s: float) -> Iterator[bool]:
    """Hold the lock file at ``path``, or go on without it after ``patience_s`` seconds.

    Yields whether it is held.

    Raises:
        OSError: the file cannot be made or locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _waited_for(path, time.monotonic() + patience_s)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            with suppress(OSError):  # what was done in the turn must not be lost by its end
                path.unlink(missing_ok=True)
            os.close(handle)


def let_go(path: Path) -> bool:
    """Remove a lock file that nobody holds, as a holder does; whether it is gone.

    Who waits for it must not be left with another.

    Raises:
        OSError: the file cannot be locked.
    """
    with turn(path, patience_s=0.0):
        pass
    return not path.exists()


def is_free(path: Path) -> bool:
    """Whether there is such a lock file and nobody holds it; asking takes it for a moment."""
    with ExitStack() as closing:
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        closing.callback(os.close, handle)
        return _is_locked_by(handle)


def _waited_for(path: Path, until_s: float) -> int | None:
    while (handle := _granted(path)) is None and time.monotonic() < until_s:
        time.sleep(_LOOK_AGAIN_S)
    return handle


def _granted(path: Path) -> int | None:
    """The open and locked file; None while another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with ExitStack() as closing:
        closing.callback(os.close, handle)
        if _is_locked_by(handle) and _is_at(path, handle):
            closing.pop_all()
            return handle
    return None


def _is_locked_by(handle: int) -> bool:
    """Lock the open file, unless another has; whether it is locked by this handle now."""
    with suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _is_at(path: Path, handle: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False
