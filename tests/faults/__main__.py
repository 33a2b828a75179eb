"""Make docs/faults.md: ``PYTHONPATH=.:tests python -m faults --help``."""

import argparse
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from faults.interpreter import Interpreter
from faults.table import DOCS, Cell, Drawn, carried_out, cells, drawn, markdown

T = TypeVar("T")
FIRST_SEED = 1


def main() -> int:
    """Kill everywhere and write down what came of it; 1 where an invariant broke."""
    asked = _asked()
    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not PREFECT_API_URL.value():
            stack.enter_context(prefect_test_harness(server_startup_timeout=120))
        lanes = _Lanes(stack, folder, asked.lanes)
        made = lanes.each(
            lambda cell, at, lane: _told(carried_out(*cell, at, lane, rounds=asked.rounds)),
            list(cells()),
        )
        seeds = range(FIRST_SEED, FIRST_SEED + asked.schedules)
        schedules = lanes.each(lambda seed, at, lane: _told(drawn(seed, at, lane)), seeds)
    DOCS.write_text(markdown(made, schedules))
    _say(f"{DOCS.name} is written, after {(time.monotonic() - begun) / 60:.0f} minutes")
    broken = [one for one in made if not one.holds], [one for one in schedules if not one.holds]
    return int(any(broken))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--lanes", type=int, default=3, help="how much goes on at once")
    parser.add_argument("--rounds", type=int, default=2, help="through the table, of two kills")
    parser.add_argument("--schedules", type=int, default=12, help="random ones, from seed 1 on")
    return parser.parse_args()


class _Lanes:
    """Some interpreters, each of which has one thing to do at a time."""

    def __init__(self, stack: ExitStack, folder: Path, count: int) -> None:
        self._folder = folder
        self._free: queue.Queue[Interpreter] = queue.Queue()
        self._count = count
        for number in range(count):
            errors = folder / f"errors-{number}.txt"
            self._free.put(stack.enter_context(Interpreter(errors)))

    def each(
        self, do: Callable[[T, Path, Interpreter], "_Result"], things: Iterable[T]
    ) -> list["_Result"]:
        """Do it with each thing, in a folder of its own; the results in the things' order."""

        def in_a_lane(number: int, thing: T) -> "_Result":
            lane = self._free.get()
            try:
                with tempfile.TemporaryDirectory(dir=self._folder, prefix=f"{number}-") as own:
                    return do(thing, Path(own), lane)
            finally:
                self._free.put(lane)

        with ThreadPoolExecutor(self._count) as pool:  # Prefect's settings are a context's
            begun = [
                pool.submit(copy_context().run, in_a_lane, number, thing)
                for number, thing in enumerate(things)
            ]
            return [one.result() for one in begun]


_Result = TypeVar("_Result", Cell, Drawn)


def _told(made: "_Result") -> "_Result":
    """Say what came of it at once: the whole takes long."""
    _say(f"{'holds' if made.holds else 'BROKEN'}: {made}")
    return made


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
