"""One poll of the feed as the replaced system had it: four fifths known, ten calls at once.

The flow runs in this process against a real Prefect server, on real HTTP, with
the real openai client; only sec.gov and the model are stand-ins, whose ledgers
are what is counted.
"""

import math
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.house import environment, furnish, settle
from benchmarks.tables import Row, Table, ratio
from benchmarks.timing import timed
from blocks.store import SeenStore
from flows.filings import sec_filings
from sandbox.market_day import MarketDay, generated_day
from sandbox.model import StandInModel
from sandbox.sec import StandInSec
from tasks.report import Funnel

CACHE: Final = ("FEATURE_SEC_LLM_CACHE",)
SEEN: Final = ("SEEN_STORE_ENABLED", "SEEN_STORE_CACHE_ENABLED")
PRICE: Final = ("SEC_PRICE_FILTER_ENABLED",)
VARIANTS: Final = {
    "all on": (),
    "answer cache off": CACHE,
    "seen store off": SEEN,
    "price filter off": PRICE,
    "all three off": CACHE + SEEN + PRICE,
}
PROFILE: Final = "bench-cycle"  # one for all: kept reference tables belong to a block document
EDGAR_PER_S: Final = 8  # what EdgarClient allows itself, for all of a machine
SEED: Final = 22  # its chances price out a fifth of the known filings and of the new ones
GIVEN: Final[tuple[Row, ...]] = (
    ("given: replaced system", "320", "", "137", "", "", "", "10"),
    ("given: hoped for", "120-150", "", "20-40", "", "", "", ""),
)


@dataclass(frozen=True)
class Work:
    """What a cycle meets. The defaults are the replaced system's."""

    filings: int = 137
    known: int = 110
    latency_s: float = 2.4
    at_once: int = 10

    def day(self) -> MarketDay:
        """A fictional day of which all is read and shown; about a fifth is priced too high."""
        day = generated_day(SEED, 2 * self.filings, noise=0)  # half may be held overnight
        shown = sorted(day.filings, key=lambda filing: filing.disseminated_at)
        return replace(day, filings=tuple(shown[: self.filings]))


@dataclass(frozen=True)
class Cycle:
    """One measured run of the flow; ``edgar`` are its requests to the stand-in sec.gov."""

    variant: str
    took_s: float
    calls: int
    downloads: int
    edgar: int
    lookup_s: float
    funnel: Funnel


@dataclass(frozen=True)
class Scene:
    """The stand-ins of all cycles, and where their state and request limit are kept."""

    work: Work
    day: MarketDay
    sec: StandInSec
    model: StandInModel
    folder: Path

    def prepare(self) -> None:
        """Poll once, when only the known filings are out; the state is every cycle's start."""
        self.sec.now = self.day.filings[self.work.known - 1].disseminated_at
        self.model.latency_s = 0
        furnish(PROFILE, self.sec, self.model, self.folder / "requests.sqlite")
        settle(PROFILE, self.folder / "prepared")
        with environment(self._switches(())):
            poll()
        self.sec.now = self.day.filings[-1].disseminated_at
        self.model.latency_s = self.work.latency_s

    def cycle(self, variant: str, off: Iterable[str]) -> Cycle:
        """Run the flow from the prepared state with these switches off."""
        shutil.copytree(self.folder / "prepared", self.folder / variant)
        settle(PROFILE, self.folder / variant)
        self.sec.ledger.clear()
        self.model.ledger.clear()
        with environment(self._switches(off)), timed(SeenStore, "lookup", "claim") as lookups:
            began = perf_counter()
            funnel = poll()
            took_s = perf_counter() - began
        return Cycle(
            variant=variant,
            took_s=took_s,
            calls=self.model.paid_calls.total(),
            downloads=self.sec.count(r"/data/\d+/.*\.txt"),
            edgar=len(self.sec.ledger) - self.sec.count(r"prices\.csv"),
            lookup_s=lookups.total_s,
            funnel=funnel,
        )

    def _switches(self, off: Iterable[str]) -> dict[str, str]:
        states = dict.fromkeys(CACHE + SEEN + PRICE, "1") | dict.fromkeys(off, "0")
        return states | {"SEC_LLM_MAX_CONCURRENT": str(self.work.at_once)}


def poll() -> Funnel:
    """Poll the feed once, in this process."""
    return Funnel.model_validate(sec_filings(source="rss", profile=PROFILE))


def tables(folder: Path) -> Iterable[Table]:
    """Measure every variant, and set them beside each other and the given numbers."""
    work = Work()
    cycles = measure(folder, work)
    return [savings(work, cycles), bounds(work, cycles)]


def measure(folder: Path, work: Work) -> list[Cycle]:
    """Run each variant once, all of them from the same prepared state; all off comes last."""
    day = work.day()
    with StandInSec(day) as sec, StandInModel() as model:
        scene = Scene(work, day, sec, model, folder)
        scene.prepare()
        return [scene.cycle(variant, off) for variant, off in VARIANTS.items()]


def savings(work: Work, cycles: Sequence[Cycle]) -> Table:
    """What each variant took and paid, as a ratio to all three off."""
    base = cycles[-1]
    rows = [
        (
            one.variant,
            *(f"{one.took_s:.1f}", ratio(one.took_s, base.took_s)),
            *(str(one.calls), ratio(one.calls, base.calls)),
            *(str(one.downloads), ratio(one.downloads, base.downloads)),
            f"{one.lookup_s:.3f}" if one.lookup_s else "none",
        )
        for one in cycles
    ]
    return Table(
        title=f"cycle: {work.filings} filings, {work.known} of them known, "
        f"{work.latency_s:g} s a call, {work.at_once} at once",
        header=("switches", "cycle s", "ratio", "calls", "ratio", "files", "ratio", "lookup s"),
        rows=(*rows, *GIVEN),
        notes=(
            "calls: paid, in the stand-in's ledger; files: submissions downloaded;",
            "ratios to all three off; 'given' was measured elsewhere, by others",
        ),
    )


def bounds(work: Work, cycles: Iterable[Cycle]) -> Table:
    """Where the filings went, and the least time that model and EDGAR take for it."""
    return Table(
        title="cycle: what became of the filings, and what bounds the time",
        header=(
            "switches",
            "known",
            "priced out",
            "cached",
            "paid",
            "model s",
            "EDGAR s",
            "rest s",
        ),
        rows=[_bound(work, one) for one in cycles],
        notes=(
            f"model s: rounds of {work.at_once} calls; EDGAR s: {EDGAR_PER_S} requests a second;",
            "the two overlap; rest s: the cycle less the larger of them",
        ),
    )


def _bound(work: Work, one: Cycle) -> Row:
    model_s = math.ceil(one.calls / work.at_once) * work.latency_s
    edgar_s = one.edgar / EDGAR_PER_S
    return (
        one.variant,
        str(one.funnel.known),
        str(sum(one.funnel.rejected.values())),
        str(one.funnel.from_cache),
        str(one.funnel.enriched),
        f"{model_s:.1f}",
        f"{edgar_s:.1f}",
        f"{one.took_s - max(model_s, edgar_s):.1f}",
    )
