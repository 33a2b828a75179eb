"""The live path: several looks at the feed in one run, and a store that knows how far it read."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, installed, retry
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State

import flows.stages
from blocks.errors import StoreUnavailable
from blocks.forms import DEFAULT_FORMS
from blocks.models import utc_now
from blocks.store import Claim, SeenStore
from flows.filings import sec_filings
from sandbox import faults, sec_faults
from sandbox.loopback import Request, Response
from sandbox.market_day import generated_day
from sandbox.sec import StandInSec
from tasks.dedup import claim_unseen
from tasks.fetch import Rhythm

DAY = generated_day(7, 30, noise=0.2)

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(DAY, tmp_path) as installation:
        yield installation


def looks(house: Installation) -> int:
    return house.sec.count("start=0&")


def run_of(house: Installation, **parameters: Any) -> State[Any]:  # noqa: ANN401 - any parameter
    return sec_filings(profile=house.profile, return_state=True, **parameters)


def task_runs(state: State[Any]) -> list[str]:
    """Names of the task runs of a run, without the numbers Prefect gives them."""
    with get_client(sync_client=True) as client:
        deadline = time.monotonic() + 10
        while True:  # the recorder writes a moment later
            runs = client.read_task_runs(
                flow_run_filter=FlowRunFilter(
                    id=FlowRunFilterId(any_=[state.state_details.flow_run_id])
                )
            )
            names = sorted(run.name.rsplit("-", 1)[0] for run in runs)
            if "report" in names or time.monotonic() > deadline:
                return names
            time.sleep(0.1)


def test_an_idle_look_costs_one_request_and_no_task_run_beyond_the_stages(
    house: Installation,
) -> None:
    house.run(source="rss")
    before = len(house.sec.ledger)
    idle = run_of(house, source="rss", polls=6, poll_every_s=0)
    assert len(house.sec.ledger) - before == 6 == looks(house) - 1
    assert task_runs(idle) == ["dedup", "fetch poll", "fetch poll", "report"]


def test_later_looks_of_a_run_ask_the_store_nothing_that_the_memory_knows(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the LRU earns its keep: one transaction for the first look, none for the others."""
    house.run(source="rss")
    opened: list[object] = []
    original = SeenStore._transaction

    def counted(self: SeenStore, **writes: bool) -> object:
        opened.append(writes)
        return original(self, **writes)

    monkeypatch.setattr(SeenStore, "_transaction", counted)
    house.run(source="rss", polls=2, poll_every_s=0)
    for_two_looks = len(opened)
    opened.clear()
    house.run(source="rss", polls=20, poll_every_s=0)
    assert len(opened) == for_two_looks


class Growing:
    """A stand-in whose clock moves on with every look, so that filings appear between them."""

    def __init__(self, sec: StandInSec, step: timedelta) -> None:
        self._answer, self._sec, self._step = sec.answer, sec, step

    def answer(self, request: Request) -> Response:
        if "start=0&" in request.target:
            self._sec.now += self._step
        return self._answer(request)


def test_what_appears_between_two_looks_is_enriched_by_the_same_run(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.sec.now = DAY.closes_at - timedelta(hours=6)
    monkeypatch.setattr(house.sec, "answer", Growing(house.sec, timedelta(minutes=20)).answer)
    funnel = house.run(source="rss", polls=20, poll_every_s=0)
    assert looks(house) == 20
    assert funnel.enriched == house.model.paid_calls.total() > 3
    assert set(house.model.paid_calls.values()) == {1}


def test_a_retry_of_a_run_tries_what_failed_in_any_of_its_looks_once_more(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backlog of the first look has it, and so has the second look's list."""
    begin = house.sec.now = DAY.closes_at - timedelta(hours=6)
    step = timedelta(hours=2)
    monkeypatch.setattr(house.sec, "answer", Growing(house.sec, step).answer)
    between = [one for one in DAY.filings if begin + step < one.disseminated_at < begin + 2 * step]
    victim = next(one.accession for one in between if one.form in DEFAULT_FORMS)
    house.sec.faults.add(sec_faults.missing(), match=victim, times=None)
    state = run_of(house, source="rss", polls=2, poll_every_s=0, price_ceiling_usd=0)
    assert (state.is_failed(), house.sec.count(victim)) == (True, 1)
    assert retry(state).is_failed()
    assert house.sec.count(victim) == 2
    (standing,) = house.store.standings([victim])
    assert (standing.attempts, standing.status) == (2, None)


def test_a_filing_that_fails_is_not_tried_again_by_the_same_run(house: Installation) -> None:
    house.sec.faults.add(sec_faults.missing(), match=r"/data/\d+/.*\.txt", times=1)
    state = run_of(house, source="rss", polls=5, poll_every_s=0)
    assert state.is_failed()
    assert "1 failed" in str(state.message)


def test_a_run_that_dies_between_reading_and_claiming_leaves_no_mark(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next poll would stop above what only the dead run had seen."""

    def dies(*_: object, **__: object) -> None:
        raise StoreUnavailable("as if killed here")

    with monkeypatch.context() as patched:
        patched.setattr(flows.stages, "claim_unseen", dies)
        with pytest.raises(StoreUnavailable):
            house.run(source="rss")
    assert house.store.lookup([one.accession for one in DAY.filings]).done == frozenset()
    assert house.run(source="rss").enriched > 0


def test_a_block_ends_the_run_as_waiting_for_sec_and_a_run_after_it_goes_on(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.sec.faults.add(sec_faults.rate_limited(), match="browse-edgar")
    for _ in range(2):
        state = run_of(house, source="rss", polls=3, poll_every_s=0)
        assert (state.name, state.is_completed()) == ("WaitingForSEC", True)
        assert looks(house) == 1, "the second run asks nothing"
    when_the_block_is_over = utc_now() + timedelta(minutes=10)
    monkeypatch.setattr("blocks.edgar_breaker.utc_now", lambda: when_the_block_is_over)
    assert house.run(source="rss").enriched > 0


def test_an_outage_in_a_later_look_fails_the_run_with_its_work_stored_and_reported(
    house: Installation,
) -> None:
    house.sec.faults.add(faults.slow(0), match="start=0&")
    house.sec.faults.add(faults.dropped(), match="start=0&", times=None)
    state = run_of(house, source="rss", polls=3, poll_every_s=0)
    assert state.is_failed()
    assert "EDGAR did not give" in str(state.message)
    assert house.model.paid_calls.total() > 0
    assert "report" in task_runs(state)


def test_what_a_run_has_done_is_reported_although_the_store_fails_it_later(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.sec.now = DAY.closes_at - timedelta(hours=6)
    monkeypatch.setattr(house.sec, "answer", Growing(house.sec, timedelta(hours=2)).answer)
    calls = iter(range(9))

    def claim(*given: Any, **terms: Any) -> Claim:  # noqa: ANN401 - as given
        if next(calls):
            raise StoreUnavailable("another program has the file open")
        claimed: Claim = claim_unseen(*given, **terms)
        return claimed

    monkeypatch.setattr(flows.stages, "claim_unseen", claim)
    state = run_of(house, source="rss", polls=3, poll_every_s=0)
    assert state.is_failed()
    assert "another program has the file open" in str(state.message)
    assert house.model.paid_calls.total() > 0
    assert "report" in task_runs(state)


class TestRhythm:
    """The moments of a run's looks are fixed by the first look it really makes."""

    def test_looks_come_at_their_moments(self) -> None:
        rhythm = Rhythm(looks=3, every_s=9.0)
        assert list(rhythm.waits_s(0, lambda: 100.0)) == [(1, 0.0), (2, 9.0), (3, 18.0)]

    def test_a_look_whose_moment_the_work_has_passed_is_left_out(self) -> None:
        rhythm = Rhythm(looks=4, every_s=9.0)
        assert next(rhythm.waits_s(0, lambda: 100.0)) == (1, 0.0)
        assert list(rhythm.waits_s(1, lambda: 119.0)) == [(3, 0.0), (4, 8.0)]

    def test_without_a_distance_no_look_is_late(self) -> None:
        rhythm = Rhythm(looks=3, every_s=0.0)
        assert next(rhythm.waits_s(0, lambda: 100.0)) == (1, 0.0)
        assert [looks for looks, _ in rhythm.waits_s(1, lambda: 500.0)] == [2, 3]

    def test_a_retry_does_not_wait_for_looks_that_are_on_record(self) -> None:
        rhythm = Rhythm(looks=6, every_s=9.0)
        assert list(rhythm.waits_s(4, lambda: 100.0)) == [(5, 0.0), (6, 9.0)]
