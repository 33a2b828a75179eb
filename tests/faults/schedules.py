"""Random schedules: ways, boundaries, moments and faults, drawn from a seed that repeats them."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from faults.boundaries import AT_HALF_PRICE, BOUNDARIES, EVERY, RSS, Server, Way
from faults.house import Comeback, House
from sandbox import faults, model_faults, sec_faults
from sandbox.faults import Fault

MOST_KILLS: Final = 4  # a filing is parked once six runs have died of it
LONGEST_S: Final = 4.0

# what costs no attempt and is not billed: a kill is to be all that may be paid for twice
FAULTS: Final[Mapping[str, tuple[Server, str, Callable[[], Fault]]]] = {
    "slow submission": ("sec", r"\.txt$", lambda: faults.slow(0.5)),
    "submission cut off": ("sec", r"\.txt$", faults.truncated),
    "EDGAR overloaded": ("sec", r"\.txt$", sec_faults.unavailable),
    "EDGAR hangs up": ("sec", "", faults.dropped),
    "slow answer": ("model", "", lambda: faults.slow(1.0)),
    "rate limit": ("model", "", model_faults.rate_limited),
    "server error": ("model", "", model_faults.server_error),
    "slow batches": ("batches", "", lambda: faults.slow(0.5)),
    "no batches now": ("batches", "GET", lambda: faults.status(503)),
}


@dataclass(frozen=True)
class Step:
    """A run that is to be killed: at a boundary, or after so many seconds."""

    way: Way
    comeback: Comeback
    waits: bool  # until the leases of the last have run out
    met: tuple[str, ...]
    boundary: str | None
    passage: int
    after_s: float | None

    def __str__(self) -> str:
        where = f"after {self.after_s:.2f} s" if self.boundary is None else self.boundary
        again = f" (passage {self.passage})" if self.boundary else ""
        return f"{self.comeback} of {self.way}, {', '.join(self.met)}: killed {where}{again}"


def schedule(seed: int) -> tuple[Step, ...]:
    """The steps of a seed, the same every time."""
    dice = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    return tuple(_step(dice, number) for number in range(dice.randint(2, MOST_KILLS)))


def _step(dice: random.Random, number: int) -> Step:
    way = RSS if number % 2 == dice.randint(0, 1) else dice.choice(EVERY)
    at = dice.choice([one for one in BOUNDARIES if way in one.ways])
    by_the_clock = dice.random() < 0.4
    return Step(
        way=way,
        comeback="retry" if number and dice.random() < 0.3 else "next run",
        waits=dice.random() < 0.5,
        met=tuple(dice.sample(sorted(FAULTS), dice.randint(0, 2))),
        boundary=None if by_the_clock else at.name,
        passage=dice.randint(1, 4),
        after_s=dice.uniform(0.0, LONGEST_S) if by_the_clock else None,
    )


def go_through(steps: tuple[Step, ...], house: House) -> None:
    """Kill as the schedule says, and let runs of both deployments finish the work."""
    for step in steps:
        if step.waits and step.comeback == "next run":
            house.leases_run_out()
        for name in step.met:
            server, match, fault = FAULTS[name]
            house.faults_of(server).add(fault(), match=match)
        house.killed(
            step.way,
            step.boundary,
            step.passage,
            comeback=step.comeback,
            after_s=step.after_s,
        )
        for server in ("sec", "model", "batches"):
            house.faults_of(server).clear()
    house.recovers(RSS, AT_HALF_PRICE, "batch")
