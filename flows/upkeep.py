"""What server and worker write for as long as the installation is up is kept within bounds.

Their log files, and what Prefect puts into its own folder and never looks at again: the
exception of each run that failed, and messages that its server could not deliver.
"""

import os
import shutil
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

LOG_LIMIT_BYTES: Final = 16 * 1024 * 1024
FILES_EVERY_S: Final = 3600.0


class Upkeep:
    """Looks after the files of one installation's server and worker.

    Args:
        state: the installation's folder.
        kept: how long Prefect's files stay; None: for ever.
    """

    def __init__(self, state: Path, kept: timedelta | None) -> None:
        self._logs = state / "logs"
        self._leftovers = (state / "prefect" / "storage", state / "prefect" / "dlq")
        self._kept = kept
        self._due_s = 0.0

    def look(self) -> None:
        """Do what is due; to be called every second or so, from one thread."""
        for log in self._logs.glob("*.log"):
            bound(log)
        if self._kept is not None and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + FILES_EVERY_S
            for folder in self._leftovers:
                drop_older(folder, self._kept)


def bound(log: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Move a log that is longer than that into ``<name>.1``, whose text is given up.

    Its writer keeps the file open to append, and goes on at its new end; a line written
    between copy and cut is lost. Where there is no room for the copy the log stays.
    """
    with suppress(OSError):  # who watches over the installation must not end for a log
        if log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


def drop_older(folder: Path, kept: timedelta) -> None:
    """Remove the files of a folder that were written longer ago than that."""
    before_s = time.time() - kept.total_seconds()
    with suppress(OSError):  # likewise; the next time tries again
        for path in folder.iterdir():
            if path.is_file() and path.stat().st_mtime < before_s:
                path.unlink()
