"""Scripted faults: a queue that both stand-ins read, and the kinds any server can have."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sandbox.loopback import Response, Stream


@dataclass(frozen=True)
class Fault:
    """A named way to spoil a response.

    ``replaces`` says that the normal answer is never made (and, at the model,
    never billed); otherwise it is made first and then spoilt on its way.
    """

    name: str
    spoil: Callable[[Response], Response]
    replaces: bool = False


@dataclass
class _Scripted:
    fault: Fault
    match: re.Pattern[str]
    left: int | None


class Faults:
    """Faults to come, in the order they were added; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripted: list[_Scripted] = []

    def add(self, kind: Fault, *, match: str = "", times: int | None = 1) -> None:
        """Spoil the next ``times`` requests (None: all) whose subject ``match`` is found in.

        The subject is path and query at the stand-in SEC, the accession number
        at the stand-in model; an empty regular expression matches every request.
        """
        with self._lock:
            self._scripted.append(_Scripted(kind, re.compile(match), times))

    def clear(self) -> None:
        """Forget all faults to come."""
        with self._lock:
            self._scripted.clear()

    def take(self, subject: str) -> Fault | None:
        """Use up and return the first fault meant for this subject."""
        with self._lock:
            for scripted in self._scripted:
                if scripted.left != 0 and scripted.match.search(subject):
                    scripted.left = None if scripted.left is None else scripted.left - 1
                    return scripted.fault
        return None

    @property
    def pending(self) -> int:
        """How many scripted faults have not been used up."""
        with self._lock:
            return sum(scripted.left != 0 for scripted in self._scripted)


def status(
    code: int, body: bytes = b"", headers: Mapping[str, str] | None = None, name: str = ""
) -> Fault:
    """Answer with this status and body in place of the normal answer."""
    response = Response(body, code, dict(headers or {}))
    return Fault(name or f"status {code}", lambda _: response, replaces=True)


def dropped() -> Fault:
    """Close the connection without a byte of answer."""
    return Fault("dropped", lambda _: Response(dropped=True), replaces=True)


def lost_answer() -> Fault:
    """Do what was asked, and close the connection without a byte of answer."""
    return Fault("lost_answer", lambda _: Response(dropped=True))


def truncated(keep: float = 0.5) -> Fault:
    """Promise the whole body, send this share of it, and close."""
    return Fault("truncated", lambda normal: replace(normal, sent_share=keep))


def slow(delay_s: float) -> Fault:
    """Answer as usual, this much later."""
    return Fault("slow", lambda normal: replace(normal, delay_s=normal.delay_s + delay_s))


def dripping(every_s: float, pieces: int = 400) -> Fault:
    """A space now and then in place of the answer, as gateways send to keep a line open."""

    def drip(_: Response) -> Response:
        return Response(stream=Stream(_spaces(every_s, pieces)))

    return Fault("dripping", drip)


def _spaces(every_s: float, pieces: int) -> Iterator[bytes]:
    for _ in range(pieces):
        time.sleep(every_s)
        yield b" "


def retry_after(retry_after_s: float | None) -> dict[str, str]:
    """The header that asks for a pause, or none."""
    return {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
