"""A real installation as a person uses it: server, setup, worker and the two deployments.

Started once for the whole module, because its start takes longer than its tests.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from blocks.forms import DEFAULT_FORMS, expand_forms
from flows.stack import Stack
from sandbox import model_faults
from sandbox.demo import free_port, seeds, stand_ins
from sandbox.market import DayFiling
from sandbox.market_day import bundled_day
from sandbox.model import StandInModel
from sandbox.prefect_api import PrefectApi
from sandbox.sec import StandInSec

RSS, BATCH = "sec_filings/rss", "sec_filings/batch"
API_KEY: Final = "sk-planted-5e1f-must-never-be-seen"
SCHEDULER_LIMIT_S: Final = 60
CEILING_USD: Final = 10.0  # the flow's default
Json = dict[str, Any]

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Installed:
    """What setting up left on the server, read before any run was started."""

    stack: Stack
    api: PrefectApi
    sec: StandInSec
    model: StandInModel
    after_setup: dict[str, list[Json]]
    after_setup_again: dict[str, list[Json]]
    scheduled: dict[str, list[Json]]


@dataclass(frozen=True)
class RetriedRun:
    """An rss run in which three filings failed, and its retry."""

    run_id: str
    victims: tuple[str, ...]
    failed: Json
    artifacts_of_failed: dict[str, Any]
    paid_before: dict[str, int]
    feed_requests_before: int
    retried: Json


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with stand_ins() as (sec, model), _server(tmp_path_factory, sec, model) as (stack, api):
        stack.run("flows.setup")
        scheduled = {name: wait_for_scheduled(api, name) for name in (RSS, BATCH)}
        api.pause(RSS)
        switch_schedule_off(api, BATCH)
        first = inventory(api)
        stack.run("flows.setup")
        again = inventory(api)
        stack.start_worker()
        yield Installed(stack, api, sec, model, first, again, scheduled)


@contextmanager
def _server(
    folders: pytest.TempPathFactory, sec: StandInSec, model: StandInModel
) -> Iterator[tuple[Stack, PrefectApi]]:
    environment = seeds(sec, model) | {
        "OPENAI_API_KEY": API_KEY,
        "PREFECT_WORKER_QUERY_SECONDS": "1",  # else a run waits up to ten for its worker
    }
    with Stack(folders.mktemp("state"), free_port(), environment) as stack:
        stack.start_server()
        with PrefectApi(stack.api_url) as api:
            yield stack, api


@pytest.fixture(scope="module")
def retried(installed: Installed) -> RetriedRun:
    """Let three survivors of the price filter fail once, then retry the run."""
    api, model, sec = installed.api, installed.model, installed.sec
    model.latency_s = 0.0
    victims = tuple(filing.accession for filing in worth_it()[:3])
    for victim in victims:
        model.faults.add(model_faults.nonsense(), match=victim)
    run_id = api.start(RSS, {"poll_every_s": 0})
    failed = api.wait(run_id)
    artifacts = api.artifacts(run_id)
    paid, feed = dict(model.paid_calls), sec.count("browse-edgar")
    api.retry(run_id)
    return RetriedRun(run_id, victims, failed, artifacts, paid, feed, api.wait(run_id))


def worth_it() -> list[DayFiling]:
    """Filings of the bundled day that the flow's defaults let through by a known price."""
    forms = expand_forms(DEFAULT_FORMS)
    return [
        filing
        for filing in bundled_day().filings
        if filing.form in forms
        and filing.company.prices_usd
        and max(filing.company.prices_usd.values()) < CEILING_USD
    ]


def inventory(api: PrefectApi) -> dict[str, list[Json]]:
    """What setup makes, as a person sees it in the UI, without marks of time."""
    return {
        "block documents": [without_times(one) for one in api.post("/block_documents/filter", {})],
        "deployments": [without_times(one) for one in api.post("/deployments/filter", {})],
        "work pools": [without_times(one) for one in api.post("/work_pools/filter", {})],
    }


def without_times(thing: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same JSON without when it was created or touched."""
    if isinstance(thing, list):
        return [without_times(one) for one in thing]
    if not isinstance(thing, dict):
        return thing
    times = {"created", "updated", "anchor_date", "last_polled", "status"}
    return {name: without_times(value) for name, value in thing.items() if name not in times}


def switch_schedule_off(api: PrefectApi, name: str) -> None:
    """Switch a deployment's one schedule off, as the UI's switch beside it does."""
    deployment = api.deployment(name)
    (schedule,) = deployment["schedules"]
    url = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    api._ask("PATCH", url, {"active": False})


def wait_for_scheduled(api: PrefectApi, name: str) -> list[Json]:
    """Flow runs that the scheduler made for a deployment; empty where none came in time."""
    wanted = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "deployments": {"id": {"any_": [api.deployment(name)["id"]]}},
    }
    runs: list[Json] = []
    deadline = time.monotonic() + SCHEDULER_LIMIT_S
    while not runs and time.monotonic() < deadline:
        time.sleep(0.5)
        runs = api.post("/flow_runs/filter", wanted)
    return runs


def test_rss_polls_every_minute_one_run_at_a_time(installed: Installed) -> None:
    deployment = installed.api.deployment(RSS)
    (schedule,) = deployment["schedules"]
    assert schedule["schedule"]["interval"] == 60
    assert schedule["schedule"]["timezone"] == "America/New_York"
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert deployment["parameters"] == {"source": "rss", "polls": 6, "poll_every_s": 9}
    assert set(deployment["tags"]) == {"sec", "rss"}
    assert "every minute" in deployment["description"]


def test_batch_runs_on_weekday_nights_over_the_last_three_business_days(
    installed: Installed,
) -> None:
    deployment = installed.api.deployment(BATCH)
    (schedule,) = deployment["schedules"]
    assert schedule["schedule"]["cron"] == "30 22 * * 1-5"
    assert schedule["schedule"]["timezone"] == "America/New_York"
    assert deployment["global_concurrency_limit"] is None
    assert deployment["parameters"] == {"source": "batch", "last_business_days": 3}
    assert set(deployment["tags"]) == {"sec", "batch"}
    assert "backfill" in deployment["description"]


def test_both_are_one_entrypoint_on_one_pool(installed: Installed) -> None:
    deployments = [installed.api.deployment(name) for name in (RSS, BATCH)]
    assert {one["entrypoint"] for one in deployments} == {"flows/filings.py:sec_filings"}
    assert {one["work_pool_name"] for one in deployments} == {"sec-filings"}
    assert len({one["flow_id"] for one in deployments}) == 1


def test_setting_up_makes_one_document_of_each_kind_and_two_deployments(
    installed: Installed,
) -> None:
    kinds = [one["block_type"]["slug"] for one in installed.after_setup["block documents"]]
    assert sorted(kinds) == [
        *("analyst", "answer-folder", "edgar-client", "price-source"),
        *("seen-store", "sqlalchemy-connector"),
    ]
    assert {one["name"] for one in installed.after_setup["deployments"]} == {"rss", "batch"}
    assert [one["name"] for one in installed.after_setup["work pools"]] == ["sec-filings"]


@pytest.mark.parametrize("what", ["block documents", "deployments", "work pools"])
def test_setting_up_again_changes_and_duplicates_nothing(installed: Installed, what: str) -> None:
    assert installed.after_setup_again[what] == installed.after_setup[what]


def test_what_a_person_paused_stays_paused_when_set_up_again(installed: Installed) -> None:
    assert installed.api.deployment(RSS)["paused"] is True
    (schedule,) = installed.api.deployment(BATCH)["schedules"]
    assert schedule["active"] is False


@pytest.mark.parametrize("name", [RSS, BATCH])
def test_the_scheduler_makes_runs_of_each_deployment(installed: Installed, name: str) -> None:
    assert installed.scheduled[name], "no run was scheduled: is SQLAlchemy older than 2.1?"
    assert {run["auto_scheduled"] for run in installed.scheduled[name]} == {True}


def test_a_run_with_failed_filings_ends_failed_and_says_so(retried: RetriedRun) -> None:
    assert retried.failed["state_type"] == "FAILED"
    assert "3 failed" in retried.failed["state"]["message"]
    funnel = retried.artifacts_of_failed["funnel-rss"]
    assert all(victim in funnel for victim in retried.victims)


def test_a_retry_of_that_run_pays_for_the_failed_filings_alone(
    installed: Installed, retried: RetriedRun
) -> None:
    assert retried.retried["state_type"] == "COMPLETED"
    now = installed.model.paid_calls
    again = {key: now[key] - retried.paid_before.get(key, 0) for key in now}
    assert {key for key, calls in again.items() if calls} == set(retried.victims)
    assert {again[victim] for victim in retried.victims} == {1}


def test_a_retry_works_on_the_list_it_failed_on_and_not_on_the_feed_as_it_is_by_then(
    installed: Installed, retried: RetriedRun
) -> None:
    assert retried.feed_requests_before > 0
    assert installed.sec.count("browse-edgar") == retried.feed_requests_before


def test_a_run_leaves_its_funnel_and_its_analyses_to_read(
    installed: Installed, retried: RetriedRun
) -> None:
    artifacts = installed.api.artifacts(retried.run_id)
    assert set(artifacts) == {"funnel-rss", "analyses-rss"}
    assert "# SEC filings, rss" in artifacts["funnel-rss"]
    links = [row["filing"] for row in retried.artifacts_of_failed["analyses-rss"]]
    assert links
    assert all(f"({installed.sec.url}/Archives/edgar/data/" in link for link in links)


def test_a_task_run_is_named_by_ticker_form_and_accession(
    installed: Installed, retried: RetriedRun
) -> None:
    names = {run["name"] for run in installed.api.task_runs(retried.run_id)}
    expected = {
        f"{filing.company.tickers[0]} {filing.form} {filing.accession}"
        for filing in worth_it()
        if filing.accession in retried.victims
    }
    assert expected <= names


@pytest.mark.parametrize(
    "things",
    [
        *("flow_runs", "task_runs", "flow_run_states", "logs", "artifacts"),
        *("block_documents", "deployments", "work_pools", "events"),
    ],
)
def test_no_answer_of_the_api_shows_the_api_key(
    installed: Installed, retried: RetriedRun, things: str
) -> None:
    if things == "flow_run_states":
        found: Any = installed.api.get(f"/flow_run_states/?flow_run_id={retried.run_id}")
    else:
        found = installed.api.post(f"/{things}/filter", {})
    assert found, "an empty answer would prove nothing"
    assert API_KEY not in json.dumps(found)


def test_the_api_key_is_there_for_those_who_may_see_secrets(installed: Installed) -> None:
    """What the tests beside this one look for was really planted."""
    shown = installed.api.post("/block_documents/filter", {"include_secrets": True})
    assert API_KEY in json.dumps(shown)


def test_no_file_of_the_installation_but_prefects_database_holds_the_api_key(
    installed: Installed, retried: RetriedRun
) -> None:
    others = [
        path
        for path in installed.stack.state.rglob("*")
        if path.is_file() and not path.name.startswith("prefect.db")
    ]
    assert len(others) > len(retried.victims), "answers and logs are among them"
    assert [path for path in others if API_KEY.encode() in path.read_bytes()] == []


def test_the_state_folder_holds_all_that_the_installation_keeps(
    installed: Installed, retried: RetriedRun
) -> None:
    state = installed.stack.state
    assert retried.retried["state_type"] == "COMPLETED"
    assert (state / "store.duckdb").is_file()
    assert (state / "prefect" / "prefect.db").is_file()
    kept = {path.name for path in (state / "answers" / "enrich").glob("*/*")}
    assert kept == set(installed.model.paid_calls)
