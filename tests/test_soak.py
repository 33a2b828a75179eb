"""Two thousand runs: memory stays flat, disk stays bounded, the last are as fast as the first.

``SOAK_CYCLES`` says how many (2000); trends are judged from a thousand on.
"""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import pytest
from soak_world import KEPT_DAYS, World, a_world, files_below, megabytes, resident_mb, set_up

from blocks.business_days import eastern
from blocks.forms import DEFAULT_FORMS
from sandbox import model_faults
from sandbox.market_week import MarketWeek, generated_week

CYCLES: Final = int(os.environ.get("SOAK_CYCLES", "2000"))
A_DAY: Final = 100  # cycles; the last of them is the nightly batch run
DAYS: Final = max(1, CYCLES // A_DAY)
FILINGS_A_DAY: Final = 20
FIRST_DAY: Final = date(2025, 9, 8)
BEFORE: Final = 2  # days the feed holds already, or it would end before what is looked for
JUDGED_FROM: Final = 10  # days; before there is no trend
WARM: Final = KEPT_DAYS + 2  # days until what is kept is what goes

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]


@dataclass
class Hundred:
    """What was measured at the end of a day of a hundred cycles."""

    took_s: list[float] = field(default_factory=list)
    flows_mb: float = 0.0
    server_mb: float = 0.0
    prefect_mb: float = 0.0
    wal_mb: float = 0.0
    runs: int = 0
    events: int = 0
    store_mb: float = 0.0
    answers_mb: float = 0.0
    answer_files: int = 0
    leftovers: int = 0
    logs_mb: float = 0.0
    recorded: int = 0

    @property
    def median_s(self) -> float:
        """Of rss runs: the night's run is another kind of work."""
        return statistics.median(self.took_s[:-1])


def test_thousands_of_cycles_leave_memory_flat_disk_bounded_and_the_last_as_fast_as_the_first(
    tmp_path: Path, report: Callable[[str, list[str]], None]
) -> None:
    market = generated_week(5, FIRST_DAY, BEFORE + DAYS, FILINGS_A_DAY, noise=0.2)
    lived: list[Hundred] = []
    with a_world(market, tmp_path) as world:
        set_up(world.stack, world.house)
        for day in market.days[BEFORE:]:
            lived.append(live_through(world, market, day))
            report(f"soak: {CYCLES} cycles, {A_DAY} a day", table_of(lived))
            (tmp_path / "table.txt").write_text("\n".join(table_of(lived)))  # to look on
            world.let_a_day_pass()
        every_filing_has_one_outcome_and_one_payment(world, market)
    if len(lived) >= JUDGED_FROM:
        memory_is_flat([one.flows_mb for one in lived])
        memory_is_flat([one.server_mb for one in lived])
        disk_is_bounded(lived)
        assert lived[-1].median_s < 1.5 * lived[WARM].median_s


def live_through(world: World, market: MarketWeek, day: date) -> Hundred:
    """A day: polls from six in the morning, and the night's run over the last three days."""
    hundred = Hundred()
    opens, closes = eastern(day, time(6)), eastern(day, time(22))
    let_one_fail(world, market, day)
    for number in range(A_DAY - 1):
        world.house.sec.now = opens + (closes - opens) * number / (A_DAY - 1)
        ended = world.run(source="rss", polls=2, poll_every_s=0)
        assert ended["state"] in {"Completed", "Failed"}, ended
        hundred.took_s.append(ended["took_s"])
    world.house.sec.now = eastern(day, time(22, 30))
    past = [one for one in market.days if one <= day][-3:]
    night = world.run(source="batch", start_date=f"{past[0]}", end_date=f"{day}")
    assert night["state"] == "Completed", night
    hundred.took_s.append(night["took_s"])
    measure(world, hundred)
    return hundred


def let_one_fail(world: World, market: MarketWeek, day: date) -> None:
    """One filing of the day is refused once, for nothing: a run that fails leaves more behind."""
    ours = [one for one in market.filings if one.filed_on == day and one.form in DEFAULT_FORMS]
    world.house.model.faults.add(model_faults.filtered(), match=ours[len(ours) // 2].accession)


def measure(world: World, hundred: Hundred) -> None:
    answers = files_below(world.house.folder / "answers")
    hundred.flows_mb = resident_mb(world.flows.pid)
    hundred.server_mb = resident_mb(world.server.pid)
    hundred.prefect_mb = megabytes(world.prefect_db)
    hundred.wal_mb = megabytes(world.prefect_db.with_name("prefect.db-wal"))
    hundred.runs, hundred.events = world.rows("flow_run"), world.rows("events")
    hundred.store_mb = megabytes(world.house.folder / "store.duckdb")
    hundred.answers_mb, hundred.answer_files = megabytes(*answers), len(answers)
    home = world.stack.state / "prefect"
    hundred.leftovers = len(files_below(home / "storage") + files_below(home / "dlq"))
    hundred.logs_mb = megabytes(*files_below(world.stack.state / "logs"))
    hundred.recorded = len(world.house.store.outcomes())


def every_filing_has_one_outcome_and_one_payment(world: World, market: MarketWeek) -> None:
    now = eastern(market.days[-1], time(22, 30))
    shown = {
        one.accession
        for one in market.filings
        if one.form in DEFAULT_FORMS and is_listed(one.filed_on, one.disseminated_at, now)
    }
    frame = world.house.store.outcomes()
    assert set(frame["accession"]) == shown
    assert frame["accession"].is_unique
    enriched = frame[frame["status"] == "enriched"]
    paid = world.house.model.paid_calls
    assert set(paid.values()) == {1}, [one for one, calls in paid.items() if calls > 1]
    assert set(paid) <= set(enriched["accession"])
    assert paid.total() == (enriched["cost_usd"] > 0).sum()


def is_listed(filed_on: date, disseminated_at: datetime, now: datetime) -> bool:
    """Whether the feed or an index has shown it by now."""
    return disseminated_at <= now and filed_on <= now.date()


def memory_is_flat(days_mb: Sequence[float]) -> None:
    """The last three days need at most a tenth, or 30 MB, more than three after warm-up."""
    warm = statistics.mean(days_mb[WARM : WARM + 3])
    late = statistics.mean(days_mb[-3:])
    assert late < max(1.1 * warm, warm + 30), f"{warm:.0f} MB after warm-up, {late:.0f} MB late"


def disk_is_bounded(lived: Sequence[Hundred]) -> None:
    """What is pruned by age levels off; what was paid for grows by the filing."""
    half = len(lived) // 2
    for kept in ("prefect_mb", "runs", "events", "answers_mb", "answer_files", "leftovers"):
        early = max(getattr(one, kept) for one in lived[WARM:half])
        late = max(getattr(one, kept) for one in lived[half:])
        assert late < 1.3 * early, f"{kept}: {early} in the first half, {late} in the second"
    assert lived[-1].runs <= (KEPT_DAYS + 2) * (A_DAY + 3)


def table_of(lived: Sequence[Hundred]) -> list[str]:
    header = (
        "cycles  median s  night s  flows MB  server MB  prefect.db MB  WAL MB   runs   events"
        "  store MB  answers MB  files  leftovers  logs MB  outcomes"
    )
    rows = (
        f"{number * A_DAY:6d}  {one.median_s:8.2f}  {one.took_s[-1]:7.1f}  {one.flows_mb:8.0f}"
        f"  {one.server_mb:9.0f}  {one.prefect_mb:13.1f}  {one.wal_mb:6.1f}  {one.runs:5d}"
        f"  {one.events:7d}  {one.store_mb:8.1f}  {one.answers_mb:10.2f}  {one.answer_files:5d}"
        f"  {one.leftovers:9d}  {one.logs_mb:7.2f}  {one.recorded:8d}"
        for number, one in enumerate(lived, 1)
    )
    return [header, *rows]
