"""Kills from the other end: a stand-in that has a request before it ends whoever sent it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from faults.boundaries import OnTheWire
from faults.interpreter import Process
from sandbox.faults import Fault, Faults
from sandbox.loopback import Response, Stream


class Killer:
    """Kills a process from any thread, which may ask for it before the process is known."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._process: Process | None = None

    def take(self, process: Process) -> None:
        """This is the one."""
        self._process = process
        self._known.set()

    def __call__(self) -> None:
        self._known.wait()
        if self._process is not None:
            self._process.kill()


@contextmanager
def trap(faults: Faults, at: OnTheWire, passage: int) -> Iterator[Killer]:
    """Let some such requests pass, and kill whoever makes the next; no fault is left after it."""
    kill = Killer()

    def spoil(normal: Response) -> Response:
        if at.halfway:
            return Response(stream=Stream(_half(normal.body, kill), len(normal.body)))
        kill()
        return Response(dropped=True)

    faults.add(Fault("passed", lambda normal: normal), match=at.match, times=passage - 1)
    faults.add(Fault("killed", spoil, replaces=not at.answered), match=at.match)
    yield kill
    faults.clear()


def _half(body: bytes, kill: Killer) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    time.sleep(0.05)  # in which some of it is read
    kill()
