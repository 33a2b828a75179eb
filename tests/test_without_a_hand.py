"""Recovery without a hand, under the real server, worker, heartbeats and automation.

Prefect's shortest heartbeat is 30 s and three may be missed, so this takes minutes:
left to ``make soak``.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Pending, Running
from store_backends import Backend

from blocks.forms import DEFAULT_FORMS, expand_forms
from flows.automations import SILENCE, ZOMBIES
from flows.stack import Stack
from sandbox.demo import free_port, seeds
from sandbox.market_week import generated_week
from sandbox.model import StandInModel
from sandbox.prefect_api import PrefectApi
from sandbox.sec import StandInSec

RSS, BATCH = "sec_filings/rss", "sec_filings/batch"
DAYS: Final = (date(2025, 12, 1), date(2025, 12, 2))
WEEK: Final = generated_week(11, DAYS[0], len(DAYS), 16, noise=0.2)
BOTH_DAYS: Final = {"start_date": DAYS[0].isoformat(), "end_date": DAYS[1].isoformat()}
LEASE_S: Final = 30
AT_ONCE: Final = 2
LIMIT_S: Final = 600.0
Json = dict[str, Any]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


@dataclass
class House:
    """A server, a worker, and the stand-ins."""

    stack: Stack
    api: PrefectApi
    sec: StandInSec
    model: StandInModel
    worker: "subprocess.Popen[bytes]"

    @property
    def tables(self) -> Backend:
        return Backend(f"duckdb:///{self.stack.state / 'store.duckdb'}")

    def flow_runs(self) -> dict[str, Json]:
        """All of them, days included, by name."""
        return {run["name"]: run for run in self.api.post("/flow_runs/filter", {})}

    def state_names(self, run: str) -> list[str]:
        """All that the run has been in, in order."""
        states: Any = self.api.get(f"/flow_run_states/?flow_run_id={run}")
        return [one["name"] for one in sorted(states, key=lambda one: one["timestamp"])]

    def processes(self) -> list[int]:
        """Of the runs that the worker has started."""
        listed = subprocess.run(
            ("ps", "-A", "-o", "pid=,ppid="),  # noqa: S607 - wherever it is
            capture_output=True,
            text=True,
            check=True,
        )
        pairs = (map(int, line.split()) for line in listed.stdout.splitlines())
        return [pid for pid, parent in pairs if parent == self.worker.pid]


@contextmanager
def house_in(state: Path) -> Iterator[House]:
    with StandInSec(WEEK) as sec, StandInModel(latency_s=2.0) as model:
        sec.now += timedelta(days=1)
        environment = seeds(sec, model) | {"SEC_PRICE_FILTER_ENABLED": "0"}
        with Stack(state, free_port(), environment) as stack:
            stack.start_server()
            stack.run("flows.setup")
            with PrefectApi(stack.api_url) as api:
                api.pause(RSS)
                api.pause(BATCH)
                yield House(stack, api, sec, model, stack.start_worker())


def offered() -> set[str]:
    forms = expand_forms(DEFAULT_FORMS)
    return {one.accession for one in WEEK.filings if one.form in forms}


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@dataclass(frozen=True)
class Recovered:
    """What worker and runs left that were killed, and what came of it without a hand."""

    house: House
    killed: tuple[str, str]
    closed_after_s: float
    at_the_kill: dict[str, Json]
    closed: dict[str, Json]
    held: int
    left_over: list[str]
    next_states: list[str]
    left_in_the_end: list[str]


@pytest.fixture(scope="module")
def recovered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovered]:
    """A poll and a backfill are killed with their worker; nobody does anything but wait."""
    terms = {"lease_s": LEASE_S, "concurrency": AT_ONCE}
    with house_in(tmp_path_factory.mktemp("state")) as house:
        house.model.latency_s = 8.0
        poll = house.api.start(RSS, {"polls": 1} | terms)
        until(lambda: house.model.ledger.entries)
        backfill = house.api.start(BATCH, BOTH_DAYS | {"forms": ["8-K", "10-Q"]} | terms)
        until(lambda: DAYS[0].isoformat() in house.flow_runs())
        at_the_kill = house.flow_runs()
        pids = [house.worker.pid, *house.processes()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        house.model.latency_s = 0.0
        held = len(house.tables.rows("SELECT k FROM seen WHERE owner IS NOT NULL"))
        until(lambda: all(run["state_type"] == "CRASHED" for run in house.flow_runs().values()))
        closed_after_s = time.monotonic() - began
        closed, left_over = house.flow_runs(), orphans(house)
        house.worker = house.stack.start_worker()
        again = [
            house.api.start(RSS, {"polls": 1}),
            house.api.start(BATCH, BOTH_DAYS),
        ]
        ended = [house.api.wait(run, LIMIT_S)["state_type"] for run in again]
        yield Recovered(
            house,
            (poll, backfill),
            closed_after_s,
            at_the_kill,
            closed,
            held,
            left_over,
            ended,
            orphans(house),
        )


def orphans(house: House) -> list[str]:
    """Files that only a process which has ended could have tidied away."""
    state = house.stack.state
    kinds = ("*.turn", ".*", "asked/*/*", "*.new", "*.wal")
    found = {path for kind in kinds for path in state.rglob(kind) if path.is_file()}
    ours = {path for path in found if "prefect" not in path.relative_to(state).parts[0]}
    return sorted(path.relative_to(state).as_posix() for path in ours)


def test_runs_and_the_days_below_them_are_closed_by_the_automation(
    recovered: Recovered, report: Callable[[str, list[str]], None]
) -> None:
    assert len(recovered.at_the_kill) == 3, "a poll, a backfill, a day"
    for run in recovered.closed.values():
        assert "No heartbeat" in run["state"]["message"]
    report(
        "Worker and runs killed, and nobody at hand",
        [
            f"all marked Crashed after {recovered.closed_after_s:.0f} s",
            f"filings held by the dead: {recovered.held}",
            f"left on disk: {', '.join(recovered.left_over) or 'nothing'}",
            f"left in the end: {', '.join(recovered.left_in_the_end) or 'nothing'}",
            f"task runs left unfinished: {len(unfinished_task_runs(recovered.house))}",
        ],
    )


def unfinished_task_runs(house: House) -> list[Json]:
    runs: list[Json] = house.api.post("/task_runs/filter", {})
    final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    return [run for run in runs if run["state_type"] not in final]


def test_the_next_runs_find_a_free_place_and_complete(recovered: Recovered) -> None:
    """The poll's deployment has one place, which the dead poll held."""
    assert recovered.next_states == ["COMPLETED"] * 2


def test_nothing_is_lost_and_no_more_is_paid_twice_than_was_under_way_at_the_kill(
    recovered: Recovered,
) -> None:
    house = recovered.house
    rows = house.tables.rows("SELECT accession, status FROM outcome")
    assert sorted(rows) == sorted((one, "enriched") for one in offered())
    assert house.model.paid_calls.keys() == offered()
    again = [one for one, calls in house.model.paid_calls.items() if calls > 1]
    assert max(house.model.paid_calls.values()) <= 2
    assert len(again) <= 2 * AT_ONCE, "one a thread"
    for day in DAYS:
        [*_, last] = house.tables.store().certificates(day)
        assert last.certificate.closed


def test_what_is_left_of_the_dead_is_shown_and_holds_nothing(recovered: Recovered) -> None:
    """Task runs stay Running in the UI, below runs that are closed; files are tidied away."""
    dead = {run["id"] for run in recovered.at_the_kill.values()}
    assert {run["flow_run_id"] for run in unfinished_task_runs(recovered.house)} <= dead
    assert recovered.house.tables.rows("SELECT k FROM seen WHERE owner IS NOT NULL") == []
    assert [name for name in recovered.left_in_the_end if name.endswith(".turn")] == []


def test_a_run_whose_worker_alone_is_killed_ends_by_itself_and_the_next_goes_on(
    tmp_path: Path,
) -> None:
    """Prefect ends a run that has lost its worker."""
    with house_in(tmp_path) as house:
        run = house.api.start(RSS, {"polls": 1, "concurrency": AT_ONCE})
        until(lambda: house.model.ledger.entries)
        house.worker.kill()
        assert house.api.wait(run, LIMIT_S)["state_type"] == "CRASHED"
        until(lambda: not house.tables.rows("SELECT k FROM seen WHERE owner IS NOT NULL"))
        house.worker = house.stack.start_worker()
        later = house.api.start(RSS, {"polls": 1})
        assert house.api.wait(later, LIMIT_S)["state_type"] == "COMPLETED"
        assert house.model.paid_calls.keys() == offered()
        again = [one for one, calls in house.model.paid_calls.items() if calls > 1]
        assert len(again) <= AT_ONCE, "one a thread"


def test_a_run_that_is_taken_for_dead_and_lives_goes_on_and_cannot_be_doubled(
    tmp_path: Path,
) -> None:
    """A server that hangs loses heartbeats. Here the automation is made to wait for none."""
    with house_in(tmp_path) as house:
        house.model.latency_s = 8.0
        run = house.api.start(BATCH, BOTH_DAYS | {"concurrency": 1, "lease_s": LEASE_S})
        until(lambda: house.model.ledger.entries)
        make_impatient(house.api)
        until(lambda: "Crashed" in house.state_names(run))
        remain_patient(house.api)
        house.api.retry(run)
        until(lambda: house.state_names(run).count("Failed"))
        failed = house.api.get(f"/flow_runs/{run}")["state"]["message"]
        house.model.latency_s = 0.0
        until(lambda: house.api.get(f"/flow_runs/{run}")["state_type"] == "COMPLETED")
        assert "still at work on it" in failed
        [last] = house.tables.store().certificates(DAYS[1])
        assert last.certificate.closed
        assert set(house.model.paid_calls.values()) == {1}


def test_a_run_that_died_before_its_first_heartbeat_is_closed_too(tmp_path: Path) -> None:
    with house_in(tmp_path) as house, get_client_of(house) as client:
        make_impatient(house.api)
        begun = client.create_flow_run(nothing, state=Pending())
        client.set_flow_run_state(begun.id, Running())
        until(lambda: "Crashed" in house.state_names(str(begun.id)))


@flow(name="nothing")
def nothing() -> None:
    """Stands in for a flow whose process is gone."""


@contextmanager
def get_client_of(house: House) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: house.stack.api_url}):
        client = get_client(sync_client=True)
    with client:
        yield client


def make_impatient(api: PrefectApi) -> None:
    """Let the automation take ten seconds without any event for a death, the least it may."""
    change_automation(api, within=10)


def remain_patient(api: PrefectApi) -> None:
    change_automation(api, within=SILENCE.total_seconds())


def change_automation(api: PrefectApi, within: float) -> None:
    [made] = [one for one in api.post("/automations/filter", {}) if one["name"] == ZOMBIES.name]
    fields = ("name", "description", "enabled", "actions", "actions_on_trigger")
    changed = {name: made[name] for name in (*fields, "actions_on_resolve")}
    changed["trigger"] = made["trigger"] | {"within": within}
    api._ask("PUT", f"/automations/{made['id']}", changed)
