"""What batch runs prune, and that nothing which is pruned is ever paid for again."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import duckdb
import pytest
from installation import Installation, installed
from prefect import Flow, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.settings.models.server.root import ServerSettings
from prefect.states import Running, Scheduled

from blocks.errors import StoreUnavailable
from blocks.models import utc_now
from blocks.store import SeenStore
from flows.filings import sec_filings
from flows.stack import Stack
from flows.upkeep import Upkeep, bound
from sandbox import model_faults
from sandbox.market_day import MarketDay, generated_day
from tasks.report import Funnel, funnel_markdown

DAY_S = 86_400
NIGHT = timedelta(hours=6, minutes=30)  # after the market's close
AGE_FAILURES: LiteralString = "UPDATE failure SET failed_at = failed_at - INTERVAL 20 DAY"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def day() -> MarketDay:
    return generated_day(3, 12, noise=0)


def worked_through(house: Installation, day: MarketDay) -> Funnel:
    """The batch run over the day, whose certificate is complete."""
    house.sec.now = day.closes_at + NIGHT
    return house.run(source="batch", start_date=day.day)


def age_by_20_days(house: Installation) -> None:
    for path in (house.folder / "answers").rglob("*"):
        at_s = path.stat().st_mtime - 20 * DAY_S
        os.utime(path, (at_s, at_s))
    with duckdb.connect(house.folder / "store.duckdb") as store:
        store.execute(AGE_FAILURES)


def kept_files(house: Installation, *places: str) -> list[Path]:
    root = house.folder / "answers"
    return [path for place in places for path in (root / place).rglob("*") if path.is_file()]


@flow
def another_project() -> None:
    """A flow that shares the server."""


def an_overdue_run(days: float, of: "Flow[..., Any]" = sec_filings) -> UUID:
    """A run that should have begun so many days ago, and was taken by no worker."""
    due: State[Any] = Scheduled(scheduled_time=utc_now() - timedelta(days=days))
    with get_client(sync_client=True) as client:
        return client.create_flow_run(of, state=due).id


def runs_known() -> set[UUID]:
    with get_client(sync_client=True) as client:
        return {run.id for run in client.read_flow_runs()}


@pytest.mark.usefixtures("prefect_server")
def test_a_night_prunes_what_runs_have_left_and_the_next_night_pays_for_nothing(
    day: MarketDay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEC_LLM_CACHE_TTL_HOURS", "0.0003")  # a second
    with installed(day, tmp_path) as house:
        house.sec.now = day.closes_at
        house.model.faults.add(model_faults.filtered(), times=1)
        first = sec_filings(source="rss", profile=house.profile, return_state=True)
        assert first.is_failed(), "one filing was refused, and is taken up again"
        answered = len(house.answers())
        assert kept_files(house, "runs")
        assert kept_files(house, "same-text")
        time.sleep(1.2)  # the answers expire
        age_by_20_days(house)
        overdue, late, to_come = an_overdue_run(20), an_overdue_run(2), an_overdue_run(-1)
        theirs, long_at_work = an_overdue_run(20, another_project), an_overdue_run(20)
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(long_at_work, Running(), force=True)
        funnel = worked_through(house, day)
        assert funnel.pruned["fetched lists"] == 1
        assert funnel.pruned["expired answers"] >= answered
        assert funnel.pruned["notes of expired answers"] > 0
        assert funnel.pruned["runs the server had left"] == 1
        assert "fetched lists" in funnel_markdown(funnel)
        assert funnel.notes == ()
        assert kept_files(house, "runs") == []
        assert overdue not in runs_known()
        assert {late, to_come, theirs, long_at_work} <= runs_known()

        paid = house.model.paid_calls
        assert worked_through(house, day).model_calls == 0
        assert house.run(source="rss").model_calls == 0
        assert house.model.paid_calls == paid
        assert set(paid.values()) == {1}


@pytest.mark.soak
@pytest.mark.usefixtures("prefect_server")
def test_only_batch_runs_prune_and_one_that_cannot_says_so_and_does_not_fail(
    day: MarketDay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: SeenStore, **__: object) -> None:
        raise StoreUnavailable("the store is on holiday")

    def break_off(_: SeenStore, **__: object) -> None:
        raise ZeroDivisionError("a slip of ours")

    with installed(day, tmp_path) as house:
        house.sec.now = day.closes_at
        house.run(source="rss")
        age_by_20_days(house)
        assert house.run(source="rss").pruned == {}
        house.sec.now = day.closes_at + NIGHT
        sec_filings(source="batch", start_date=day.day, plan_only=True, profile=house.profile)
        assert kept_files(house, "runs")

        monkeypatch.setattr(SeenStore, "prune", refuse)
        refused = worked_through(house, day)
        assert refused.pruned == {"fetched lists": 1}
        assert "on holiday" in " ".join(refused.notes)

        monkeypatch.setattr(SeenStore, "prune", break_off)
        broken = worked_through(house, day)
        assert "a slip of ours" in " ".join(broken.notes)
        assert broken.days[0].startswith(f"{day.day} is complete")


@pytest.mark.parametrize(("days", "types"), [("", {"events", "flow_runs"}), ("0", {"events"})])
def test_the_server_prunes_its_own_runs_unless_they_are_kept_for_ever(
    days: str, types: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if days:
        monkeypatch.setenv("SEC_KEEP_RUNS_DAYS", days)
    for name, value in Stack(tmp_path, 1).environment().items():
        monkeypatch.setenv(name, value)
    server = ServerSettings()
    vacuum = server.services.db_vacuum
    assert vacuum.enabled_vacuum_types >= types
    assert ("flow_runs" in vacuum.enabled_vacuum_types) == ("flow_runs" in types)
    assert server.events.retention_period == timedelta(days=3)
    if not days:
        assert vacuum.retention_period == timedelta(days=14)


def test_a_log_that_is_written_to_for_a_year_keeps_its_latest_text_and_a_bound(
    tmp_path: Path,
) -> None:
    log = tmp_path / "worker.log"
    longest = 0
    with log.open("ab", buffering=0) as writer:  # as a child process has it open
        for number in range(1000):
            writer.write(f"line {number}\n".encode())
            bound(log, limit_bytes=500)
            longest = max(longest, log.stat().st_size)
    assert longest <= 500
    former = tmp_path / "worker.log.1"
    told = former.read_text() + log.read_text()
    assert told.endswith("line 998\nline 999\n")
    assert "\0" not in told
    assert former.stat().st_size <= 510


def test_a_log_that_is_not_there_is_no_reason_to_end(tmp_path: Path) -> None:
    bound(tmp_path / "worker.log")


def test_what_prefect_leaves_in_its_own_folder_goes_after_its_time(tmp_path: Path) -> None:
    kept = timedelta(days=14)
    files = [tmp_path / "prefect" / place for place in ("storage/a", "dlq/b", "prefect.db")]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
        young = file.with_name(f"young-{number}")
        young.write_text("y")
        os.utime(file, (0, 0))
    Upkeep(tmp_path, None).look()
    assert all(file.exists() for file in files)
    Upkeep(tmp_path, kept).look()
    assert [file.exists() for file in files] == [False, False, True]
    assert len(list(tmp_path.rglob("young-*"))) == 3
