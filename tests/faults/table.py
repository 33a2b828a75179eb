"""The table of docs/faults.md: every boundary on every way, killed, recovered from, audited."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faults.audit import Audit, audited
from faults.boundaries import BOUNDARIES, Boundary, Way
from faults.house import CONCURRENCY, FILINGS, LEASE_S, Comeback, House, opened
from faults.interpreter import Interpreter
from faults.schedules import go_through, schedule

DOCS: Final = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
COMEBACKS: Final[tuple[Comeback, ...]] = ("next run", "retry")
MARKETS: Final = (10, 11)  # seeds; most filings pass the price filter, one or two do not


@dataclass(frozen=True)
class Plan:
    """A market to be killed in: at one boundary, at these passages one after the other.

    All but the first are retries of the first; the last comeback is ``comeback``.
    """

    boundary: Boundary
    way: Way
    passages: tuple[int, ...]
    comeback: Comeback


@dataclass
class Cell:
    """What came of a boundary on a way, over its plans. ``None`` seconds: never recovered."""

    boundary: str
    way: Way
    kills: int = 0
    audits: list[Audit] = field(default_factory=list)
    recovery_s: dict[Comeback, float | None] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return sum(one.amiss for one in self.audits)

    @property
    def paid_twice(self) -> int:
        return sum(one.paid_twice for one in self.audits)

    @property
    def ambiguous(self) -> int:
        return sum(sum(one.ambiguous) for one in self.audits)

    @property
    def holds(self) -> bool:
        """Whether it was killed there, lost nothing, paid nothing twice, and came back."""
        return (
            self.kills > 0
            and all(one.holds for one in self.audits)
            and None not in self.recovery_s.values()
        )


def plans_of(boundary: Boundary, way: Way, rounds: int) -> tuple[Plan, ...]:
    """Killed in a run and in its retry; then, in turn, it is retried or the next run comes."""
    nth = BOUNDARIES.index(boundary) + boundary.ways.index(way)
    passages = itertools.cycle((boundary.passages, boundary.passages[::-1]))
    return tuple(
        Plan(boundary, way, at, COMEBACKS[number % len(COMEBACKS)])
        for number, at in zip(range(nth, nth + rounds), passages, strict=False)
    )


def cells() -> Iterator[tuple[Boundary, Way]]:
    """Every boundary on every way it is on."""
    return ((boundary, way) for boundary in BOUNDARIES for way in boundary.ways)


def carried_out(
    boundary: Boundary, way: Way, folder: Path, interpreter: Interpreter, *, rounds: int = 1
) -> Cell:
    """Kill, recover and audit, that many times."""
    cell = Cell(boundary.name, way)
    for number, plan in enumerate(plans_of(boundary, way, rounds)):
        seed = MARKETS[number % len(MARKETS)]
        with opened(folder / f"{number}", interpreter, seed=seed) as house:
            _carry_out(plan, house, cell)
    return cell


def _carry_out(plan: Plan, house: House, cell: Cell) -> None:
    for number, passage in enumerate(plan.passages):
        house.killed(
            plan.way,
            plan.boundary.name,
            passage,
            comeback="retry" if number else "next run",
        )
    took_s = house.recovers(plan.way, comeback=plan.comeback)
    cell.kills += len(house.kills)
    cell.audits.append(audited(house))
    if house.kills:
        cell.recovery_s[plan.comeback] = _longer(took_s, cell.recovery_s.get(plan.comeback, 0.0))


def _longer(one_s: float | None, other_s: float | None) -> float | None:
    return None if one_s is None or other_s is None else max(one_s, other_s)


@dataclass(frozen=True)
class Drawn:
    """What came of a random schedule."""

    seed: int
    kills: int
    audit: Audit

    @property
    def holds(self) -> bool:
        """Whether both invariants do."""
        return self.audit.holds


def drawn(seed: int, folder: Path, interpreter: Interpreter) -> Drawn:
    """Go through the random schedule of a seed."""
    with opened(folder, interpreter, seed=MARKETS[seed % len(MARKETS)]) as house:
        go_through(schedule(seed), house)
        return Drawn(seed, len(house.kills), audited(house))


def markdown(made: Sequence[Cell], schedules: Sequence[Drawn]) -> str:
    """The document."""
    return "\n".join((_INTRODUCTION, *_table(made), "", *_random(schedules), ""))


_HEADS = (
    "killed",
    "way",
    "kills",
    "outcomes lost",
    "paid twice",
    "ambiguous",
    "retry, s",
    "next run, s",
)
_INTRODUCTION = f"""# Killed at every boundary

Made by `PYTHONPATH=.:tests python -m faults` (`tests/faults/`); not edited by hand.

The flow runs in real processes against the stand-ins for sec.gov and the model, on a market of
{FILINGS} filings, {CONCURRENCY} calls at once. It dies by SIGKILL at the boundary, when a thread
passes it first or later, and once more in the retry. Then the run is retried, or the next run
comes when the lease is over (`lease_s` {LEASE_S}, the shortest there is; 900 by default). What is
counted is counted in the stand-ins' ledgers and the store's tables.

- **outcomes lost**: filings that EDGAR offered and that have no outcome, or two, or an enrichment
  without its analysis.
- **paid twice**: payments beyond the first for an accession number and fingerprint.
- **ambiguous**: calls that the kill cut off between the model's answer and its saving, which the
  next run has to make again. The bound is one a thread: {CONCURRENCY} a kill.
- **retry, next run**: seconds from the last kill until every filing has its outcome, on a busy
  machine; `next run` includes the wait for the lease. 0: all had theirs before the kill.

Waits for the Batch API are shortened: an upload without a batch is waited for three seconds here,
and five minutes otherwise.
"""


def _table(made: Sequence[Cell]) -> Iterator[str]:
    yield _line(_HEADS)
    yield _line(["---"] * len(_HEADS))
    for one in made:
        yield _line(
            (
                one.boundary,
                f"`{one.way}`",
                one.kills,
                one.lost,
                one.paid_twice,
                f"{one.ambiguous} of {CONCURRENCY * one.kills}",
                _seconds(one, "retry"),
                _seconds(one, "next run"),
            )
        )
    kills = sum(one.kills for one in made)
    totals = (sum(one.lost for one in made), sum(one.paid_twice for one in made))
    ambiguous = f"{sum(one.ambiguous for one in made)} of {CONCURRENCY * kills}"
    yield _line(("**all**", "", kills, *totals, ambiguous, "", ""))


def _random(schedules: Sequence[Drawn]) -> Iterator[str]:
    if not schedules:
        return
    audits = [one.audit for one in schedules]
    kills = sum(one.kills for one in schedules)
    yield "## Random schedules"
    yield ""
    yield (
        f"{len(schedules)} schedules (seeds {schedules[0].seed} to {schedules[-1].seed}) of runs"
        " on all ways, killed at a boundary or a moment drawn by lot, with slow, dropped and"
        f" refused requests in between: {kills} kills, {sum(one.amiss for one in audits)} outcomes"
        f" lost, {sum(one.paid_twice for one in audits)} payments twice,"
        f" {sum(sum(one.ambiguous) for one in audits)} ambiguous calls, at most"
        f" {max((n for one in audits for n in one.ambiguous), default=0)} at a kill."
    )


def _line(values: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, values))} |"


def _seconds(cell: Cell, comeback: Comeback) -> str:
    if comeback not in cell.recovery_s:
        return "-"
    took_s = cell.recovery_s[comeback]
    return "never" if took_s is None else f"{took_s:.1f}"
