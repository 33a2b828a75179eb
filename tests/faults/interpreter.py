"""An interpreter that has imported the flow, and forks a process for each run it is told of.

Importing takes seconds and forking does not. What it forks has imported modules and
nothing more: no thread, no connection, no store that was opened.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Self
from uuid import UUID

from prefect.settings import PREFECT_API_URL

_ROOT = Path(__file__).resolve().parents[2]
_QUIET = {
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
}


class Process:
    """One run's process. ``code`` is how it ended, negative for a signal; None: it has not."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None
        self._lock = threading.Lock()

    def kill(self) -> None:
        """End it by SIGKILL, unless it has ended; from any thread."""
        with self._lock:
            if self.code is None:
                os.kill(self.pid, signal.SIGKILL)

    def ended(self, code: int) -> None:
        """From now on its number may be another's."""
        with self._lock:
            self.code = code


class Interpreter:
    """Runs flow runs one after the other, each in a process of its own; a context manager."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        url = str(PREFECT_API_URL.value())
        paths = f"{_ROOT}{os.pathsep}{_ROOT / 'tests'}"
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faults.interpreter"],
                env={**os.environ, **_QUIET, "PREFECT_API_URL": url, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None

    def begin(self, flow_run: UUID, boundary: str | None, passage: int) -> Process:
        """Start a process for a flow run; it dies at that passage, if it comes so far."""
        order = {"flow_run": str(flow_run), "boundary": boundary, "passage": passage}
        _say(self._pipe("stdin"), json.dumps(order))
        return Process(int(self._told()))

    def wait(self, running: Process) -> None:
        """Until it is over; then the next may begin."""
        running.ended(int(self._told()))

    def _told(self) -> str:
        return self._pipe("stdout").readline()

    def _pipe(self, name: str) -> IO[str]:
        pipe: IO[str] | None = getattr(self._process, name, None)
        if pipe is None:
            raise RuntimeError("the interpreter is not running: use it in a with statement")
        return pipe


def main() -> None:
    """Fork a process for each line of orders; tell its number, and how it ended."""
    from faults.one_run import warm, work  # noqa: PLC0415 - who orders need not import them

    warm()
    dead = None  # keeps its number until the next order, so that no other process has it
    for line in sys.stdin:
        if dead is not None:
            os.waitpid(dead, 0)
        pid = os.fork()
        if pid == 0:
            work(**json.loads(line))
        _say(sys.stdout, pid)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        _say(sys.stdout, _code_of(ended))
        dead = pid


def _say(pipe: IO[str], word: object) -> None:
    pipe.write(f"{word}\n")
    pipe.flush()


def _code_of(ended: os.waitid_result | None) -> int:
    if ended is None:
        raise ChildProcessError("the process is another's")
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


if __name__ == "__main__":
    main()
