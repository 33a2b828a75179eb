"""Stopwatches: of rival ways to do one thing, and of one method within a run."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from statistics import median
from time import perf_counter
from typing import Any


def medians_s(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each way; the ways take turns, after one round that warms up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            taken[name].append(seconds(way))
    return {name: median(times[1:]) for name, times in taken.items()}


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    began = perf_counter()
    work()
    return perf_counter() - began


@dataclass
class Stopwatch:
    """Seconds spent within some methods, by all threads together. Thread-safe."""

    total_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time within this context."""
        began = perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.total_s += perf_counter() - began


@contextmanager
def timed(kind: type, *methods: str) -> Iterator[Stopwatch]:
    """Count the time spent in methods of a class while the context lasts."""
    watch = Stopwatch()
    originals = {name: getattr(kind, name) for name in methods}
    for name, original in originals.items():
        setattr(kind, name, _watched(original, watch))
    try:
        yield watch
    finally:
        for name, original in originals.items():
            setattr(kind, name, original)


def _watched(method: Callable[..., Any], watch: Stopwatch) -> Callable[..., Any]:
    @wraps(method)
    def watched(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the method takes
        with watch.running():
            return method(*arguments, **named)

    return watched
