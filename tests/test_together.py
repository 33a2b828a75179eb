"""Several runs at once under the real server, with two workers on its pool.

Ten processes want two cores for a minute, so this is left to ``make soak``. Started
once for the whole module. Calls are counted in the stand-in model's ledger, outcomes
and bookings in the store's tables.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Event
from typing import Any, Final

import pytest
from store_backends import Backend

from blocks.forms import DEFAULT_FORMS, expand_forms
from flows.stack import POOL, Stack
from sandbox import sec_faults
from sandbox.demo import free_port, seeds
from sandbox.faults import Fault
from sandbox.loopback import Response
from sandbox.market_week import generated_week
from sandbox.model import StandInModel
from sandbox.prefect_api import PrefectApi
from sandbox.sec import StandInSec

RSS, BATCH = "sec_filings/rss", "sec_filings/batch"
DAYS: Final = (date(2025, 12, 1), date(2025, 12, 2), date(2025, 12, 3))
WEEK: Final = generated_week(11, DAYS[0], len(DAYS), 12, noise=0.2)
FIRST, SECOND, THIRD = (day.isoformat() for day in DAYS)
LIMIT_S: Final = 400.0  # of a machine that does much else
MEETING_S: Final = 20.0  # less than the model's client waits for an answer
Json = dict[str, Any]

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class House:
    """A server, two workers, and the stand-ins."""

    stack: Stack
    api: PrefectApi
    sec: StandInSec
    model: StandInModel

    @property
    def tables(self) -> Backend:
        return Backend(f"duckdb:///{self.stack.state / 'store.duckdb'}")

    def ended(self, runs: Iterable[str]) -> list[str]:
        return [self.api.wait(run, LIMIT_S)["state_type"] for run in runs]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with StandInSec(WEEK) as sec, StandInModel() as model:
        environment = seeds(sec, model) | {
            "SEC_PRICE_FILTER_ENABLED": "0",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        with Stack(tmp_path_factory.mktemp("state"), free_port(), environment) as stack:
            stack.start_server()
            stack.run("flows.setup")
            with PrefectApi(stack.api_url) as api:
                api.pause(RSS)
                api.pause(BATCH)
                stack.start_worker()
                stack._start(
                    *("worker-2", "prefect", "worker", "start", "--pool", POOL),
                    *("--type", "process", "--name", "second", "--install-policy", "never"),
                )
                yield House(stack, api, sec, model)


@dataclass(frozen=True)
class AtOnce:
    """How runs ended that were started at the same moment, by what they were to do."""

    polls: list[str]
    batches: list[str]


@pytest.fixture(scope="module")
def at_once(house: House) -> AtOnce:
    """Two polls, the same backfill twice, one of its days; the model waits until all are there."""
    house.sec.now = WEEK.index_made_at(DAYS[1]) + timedelta(minutes=1)
    everybody = Event()
    house.model.faults.add(Fault("waits", lambda normal: after(everybody, normal)), times=None)
    both_days = {"start_date": FIRST, "end_date": SECOND}
    polls = [house.api.start(RSS, {"polls": 1}) for _ in range(2)]
    batches = [house.api.start(BATCH, both_days) for _ in range(2)]
    batches.append(house.api.start(BATCH, {"start_date": SECOND}))
    while any(house.api.get(f"/flow_runs/{run}")["start_time"] is None for run in batches):
        time.sleep(0.5)
    everybody.set()
    return AtOnce(house.ended(polls), house.ended(batches))


@pytest.fixture(scope="module")
def retried(house: House, at_once: AtOnce) -> tuple[Json, list[str]]:
    """A backfill that failed on three filings; and how its retry ended and two runs beside it."""
    assert at_once
    house.sec.now = WEEK.ends_at + timedelta(days=1)
    house.model.faults.clear()
    house.model.latency_s = 1.0
    victims = [one.accession for one in offered(DAYS[2])][:3]
    for victim in victims:
        house.sec.faults.add(sec_faults.missing(), match=f"{victim}.txt")
    run = house.api.start(BATCH, {"start_date": THIRD})
    failed = house.api.wait(run, LIMIT_S)
    house.api.retry(run)
    others = [house.api.start(RSS, {"polls": 1}), house.api.start(BATCH, {"start_date": THIRD})]
    return failed, house.ended([run, *others])


def after(event: Event, response: Response) -> Response:
    event.wait(MEETING_S)
    return response


def offered(*days: date) -> list[Any]:
    """What the days' indexes, or the feed by then, list of the chosen forms."""
    forms = expand_forms(DEFAULT_FORMS)
    return [
        one for one in WEEK.filings if one.form in forms and (one.filed_on in days or not days)
    ]


def test_of_two_polls_at_once_one_is_cancelled_and_every_other_run_completes(
    at_once: AtOnce,
) -> None:
    assert sorted(at_once.polls) == ["CANCELLED", "COMPLETED"]
    assert at_once.batches == ["COMPLETED"] * 3


def test_a_run_retried_beside_others_that_want_the_same_filings_completes_as_they_do(
    retried: tuple[Json, list[str]],
) -> None:
    failed, states = retried
    assert failed["state_type"] == "FAILED"
    assert "3 failed" in failed["state"]["message"]
    assert states == ["COMPLETED"] * 3


@pytest.mark.usefixtures("retried")
def test_every_filing_has_one_outcome_whoever_came_across_it(house: House) -> None:
    rows = house.tables.rows("SELECT accession, status FROM outcome ORDER BY accession")
    assert rows == sorted((one.accession, "enriched") for one in offered())


@pytest.mark.usefixtures("retried")
def test_every_filing_was_paid_for_once_and_booked_once(house: House) -> None:
    assert house.model.paid_calls == {one.accession: 1 for one in offered()}
    booked = house.tables.rows(
        "SELECT count(*), count(DISTINCT run) FROM spending WHERE settled_at IS NOT NULL"
        " AND actual_nano > 0"
    )
    assert booked[0][0] == len(offered())
    assert booked[0][1] > 2, "several runs had their share"


@pytest.mark.usefixtures("retried")
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_day_is_certified_complete(house: House, day: date) -> None:
    [*_, last] = house.tables.store().certificates(day)
    assert last.certificate.closed


@pytest.mark.usefixtures("retried")
def test_nothing_is_held_any_more(house: House) -> None:
    assert house.tables.rows("SELECT k FROM seen WHERE owner IS NOT NULL OR done_at IS NULL") == []
    assert list(house.stack.state.rglob("*.turn")) == []
