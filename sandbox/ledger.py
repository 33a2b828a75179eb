"""What a stand-in server writes down, for tests and benchmarks to read."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Ledger(Generic[Entry]):
    """An append-only list safe to write from many threads; reading takes a snapshot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Write one entry down."""
        with self._lock:
            self._entries.append(entry)

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._entries.clear()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything written so far, in order."""
        with self._lock:
            return tuple(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True)
class Served:
    """One request to the stand-in SEC.

    ``at_s`` is the arrival on the monotonic clock, ``now`` on the stand-in's
    own. ``status`` is 0 where the connection was dropped, 304 where the client
    had the answer; ``fault`` names what stood in the way, if anything did.
    """

    at_s: float
    now: datetime
    method: str
    target: str
    status: int
    user_agent: str
    fault: str = ""


@dataclass(frozen=True)
class Call:
    """One request to the stand-in model.

    ``at_s`` is the arrival on the monotonic clock, ``accession`` is empty
    where the messages name none, ``kind`` is ``answer`` or the fault's name.
    ``paid`` tells whether an answer was generated and left the server:
    refused, truncated and broken answers are billed too. ``batch`` is the id of
    the batch it was part of, which makes it half as dear; empty for a call of
    its own.
    """

    at_s: float
    accession: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    kind: str
    paid: bool
    batch: str = ""


def peak_rate(times_s: Iterable[float], window_s: float = 1.0) -> int:
    """Most arrivals within any window of ``window_s`` seconds (its end excluded)."""
    ordered = sorted(times_s)
    first = peak = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= window_s:
            first += 1
        peak = max(peak, last - first + 1)
    return peak
