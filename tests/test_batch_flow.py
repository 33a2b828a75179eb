"""A backfill at half price: asked in batches, waited for, taken in, and found after a kill."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import Installation, installed
from prefect.settings import PREFECT_API_URL

import tasks.await_batches
from blocks.errors import ParameterError, RunNeedsAttention
from blocks.forms import DEFAULT_FORMS
from blocks.models import Answer
from sandbox import faults, model_faults
from sandbox.market import DayFiling
from sandbox.market_week import generated_week

LEASE_S = 5
FIRST, LAST = date(2025, 12, 1), date(2025, 12, 2)
WEEK = generated_week(11, FIRST, 2, 16, noise=0.2)

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Two market days, a model with batches, and no waiting between looks at them."""
    monkeypatch.setattr(tasks.await_batches, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(tasks.await_batches, "ASK_AGAIN_S", 0.05)
    monkeypatch.setenv("SEC_PRICE_FILTER_ENABLED", "0")
    with installed(WEEK, tmp_path) as installation:
        installation.sec.now += timedelta(days=1)
        yield installation


def listed(*days: date) -> list[DayFiling]:
    return [one for one in WEEK.filings if one.filed_on in days and one.form in DEFAULT_FORMS]


def accessions(*days: date) -> set[str]:
    return {one.accession for one in listed(*days or (FIRST, LAST))}


def backfill(house: Installation, *days: date, **parameters: Any) -> Any:  # noqa: ANN401 - a funnel
    first, last = (days or (FIRST, LAST))[0], (days or (FIRST, LAST))[-1]
    asked = {"ask_by": "batch"} | parameters
    return house.run(source="batch", start_date=first, end_date=last, **asked)


def answers(house: Installation) -> dict[str, Answer]:
    return {one.accession: one for one in house.store.answers(sorted(accessions()))}


def paid(house: Installation) -> dict[str, int]:
    return dict(house.model.paid_calls)


def notes(house: Installation) -> list[str]:
    return [path.name for path in (house.folder / "answers" / "asked").glob("*/*")]


def when_there_is_a_batch(house: Installation, act: Callable[[str], None]) -> threading.Thread:
    """Do something with the first batch, once there is one."""

    def wait() -> None:
        while not house.model.batches.ids:
            time.sleep(0.02)
        act(house.model.batches.ids[0])

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def killed_while_asking(
    house: Installation, is_time: Callable[[Installation], object] | None = None
) -> None:
    """A backfill of the first day in a process that is killed when told, or at its batch."""
    told = is_time or (lambda house: house.model.batches.ids)
    child = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _BACKFILL, house.profile, f"{FIRST}"],
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not told(house) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL


_BACKFILL = f"""
import sys
from datetime import date
from flows.filings import sec_filings
sec_filings(source="batch", profile=sys.argv[1], start_date=date.fromisoformat(sys.argv[2]),
            ask_by="batch", lease_s={LEASE_S})
"""


def once_its_leases_are_over(house: Installation) -> None:
    deadline = time.monotonic() + 4 * LEASE_S
    while any(one.held_until for one in house.store.standings(sorted(accessions(FIRST)))):
        assert time.monotonic() < deadline
        time.sleep(0.1)


class TestHalfPrice:
    def test_days_share_a_batch_and_each_is_certified_with_all_its_answers(
        self, house: Installation
    ) -> None:
        funnel = backfill(house)
        assert funnel.enriched == len(accessions()) > 4
        assert (funnel.from_cache, funnel.failed, funnel.untouched, funnel.unanswered) == (
            *(0, 0, 0, 0),
        )
        assert len(house.model.batches.ids) == 1
        assert paid(house) == dict.fromkeys(accessions(), 1)
        assert {call.batch for call in house.model.ledger} == set(house.model.batches.ids)
        assert [issued.certificate.closed for issued in house.store.certificates()] == [True] * 2
        assert notes(house) == []

    def test_an_answer_costs_half_and_says_which_batch_gave_it(self, house: Installation) -> None:
        funnel = backfill(house, FIRST)
        asked_again = backfill(house, FIRST, refresh="all", ask_by="calls")
        assert funnel.spent_usd == pytest.approx(asked_again.spent_usd / 2, rel=1e-9)
        [batch_id] = house.model.batches.ids
        kept = house.store.answers(sorted(accessions(FIRST)))
        assert {one.batch_id for one in kept} == {batch_id, None}
        for balance in funnel.balances:
            assert balance.spent_usd == pytest.approx(funnel.spent_usd)

    def test_a_second_backfill_asks_nothing(self, house: Installation) -> None:
        backfill(house, FIRST)
        again = backfill(house, FIRST)
        assert again.known == len(accessions(FIRST))
        assert len(house.model.batches.ids) == 1

    def test_a_list_of_accession_numbers_can_be_asked_so(self, house: Installation) -> None:
        some = sorted(accessions())[:3]
        funnel = house.run(source="batch", accessions=some, ask_by="batch")
        assert (funnel.enriched, len(house.model.batches.ids)) == (3, 1)

    def test_a_refresh_of_all_takes_what_its_own_batch_answers(self, house: Installation) -> None:
        backfill(house, FIRST)
        again = backfill(house, FIRST, refresh="all")
        assert again.enriched == len(accessions(FIRST))
        assert paid(house) == dict.fromkeys(accessions(FIRST), 2)


class TestLeftOut:
    def expired(self, house: Installation, *, after: int, **parameters: Any) -> Any:  # noqa: ANN401
        """A backfill whose batch runs out of time after so many answers."""
        house.model.batches.looks = None
        batches = house.model.batches
        thread = when_there_is_a_batch(house, lambda one: batches.expire(one, after=after))
        try:
            return backfill(house, FIRST, **parameters)
        finally:
            thread.join()

    def test_what_an_expired_batch_has_answered_is_taken_and_the_rest_is_named(
        self, house: Installation
    ) -> None:
        with pytest.raises(RunNeedsAttention):
            self.expired(house, after=2)
        assert len(answers(house)) == 2
        assert sum(paid(house).values()) == 2

    def test_the_rest_is_asked_by_calls_where_the_parameter_says_so(
        self, house: Installation
    ) -> None:
        funnel = self.expired(house, after=2, ask_by="batch_then_calls")
        assert funnel.enriched == len(accessions(FIRST))
        assert paid(house) == dict.fromkeys(accessions(FIRST), 1)

    def test_a_line_that_fails_is_that_filings_failure(self, house: Installation) -> None:
        refused = min(accessions(FIRST))
        house.model.faults.add(model_faults.refusal(), match=refused)
        with pytest.raises(RunNeedsAttention, match="1 failed"):
            backfill(house, FIRST)
        assert answers(house).keys() == accessions(FIRST) - {refused}

    def test_a_cap_that_covers_a_part_is_kept_and_the_rest_is_the_next_runs(
        self, house: Installation
    ) -> None:
        funnel = backfill(house, FIRST, budget_usd=0.01)
        assert 0 < funnel.enriched < len(accessions(FIRST))
        assert "budget_usd" in funnel.stopped_by
        assert funnel.spent_usd <= 0.01
        backfill(house, FIRST)
        assert paid(house) == dict.fromkeys(accessions(FIRST), 1)

    def test_a_batch_that_is_not_begun_stops_the_run_by_its_reason(
        self, house: Installation
    ) -> None:
        house.model.batches.fail_next("invalid_json_line", "line 1 is none")
        with pytest.raises(RunNeedsAttention, match="invalid_json_line"):
            backfill(house, FIRST)
        assert paid(house) == {}
        backfill(house, FIRST)
        assert paid(house) == dict.fromkeys(accessions(FIRST), 1)


class TestKilled:
    @pytest.mark.soak  # tests/faults/ has one like it
    def test_a_process_killed_before_it_knew_of_its_batch_leaves_one_that_is_found(
        self, house: Installation
    ) -> None:
        house.model.batch_faults.add(faults.slow(60), match="POST /v1/batches$")
        killed_while_asking(house)
        once_its_leases_are_over(house)
        assert backfill(house, FIRST).enriched == len(accessions(FIRST))
        assert len(house.model.batches.ids) == 1
        assert paid(house) == dict.fromkeys(accessions(FIRST), 1)
        assert notes(house) == []

    def test_what_a_killed_run_waited_for_is_taken_in_by_a_plain_run_and_not_paid_again(
        self, house: Installation
    ) -> None:
        house.model.batches.looks = None
        killed_while_asking(house)
        once_its_leases_are_over(house)
        some = sorted(accessions(FIRST))[:2]
        early = house.run(source="batch", accessions=some)
        assert (early.at_batch, early.enriched, early.model_calls) == (2, 0, 0)
        house.model.batches.complete(house.model.batches.ids[0])
        assert house.run(source="batch", accessions=some).enriched == 2
        assert backfill(house, FIRST, ask_by="calls").known == 2
        assert paid(house) == dict.fromkeys(accessions(FIRST), 1)
        assert {call.batch for call in house.model.ledger} == set(house.model.batches.ids)

    def test_a_lost_answer_is_no_second_batch(self, house: Installation) -> None:
        house.model.batch_faults.add(faults.lost_answer(), match="POST /v1/batches$")
        assert backfill(house, FIRST).enriched == len(accessions(FIRST))
        assert len(house.model.batches.ids) == 1


class TestWhoMayAsk:
    def test_a_run_that_never_asked_in_batches_looks_for_none(self, house: Installation) -> None:
        house.model.batch_faults.add(faults.status(500))
        assert backfill(house, FIRST, ask_by="calls").failed == 0
        assert house.model.batch_faults.pending == 1

    @pytest.mark.parametrize(
        ("parameters", "variables"),
        [
            ({"source": "rss"}, {}),
            ({"source": "batch", "start_date": FIRST}, {"FEATURE_SEC_LLM_CACHE": "0"}),
        ],
    )
    def test_it_is_refused_where_it_makes_no_sense(
        self,
        house: Installation,
        monkeypatch: pytest.MonkeyPatch,
        parameters: dict[str, Any],
        variables: dict[str, str],
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ParameterError, match="ask_by"):
            house.run(ask_by="batch", **parameters)

    def test_the_rules_have_no_batches(self, tmp_path: Path) -> None:
        with (
            installed(WEEK, tmp_path, key=None) as house,
            pytest.raises(ParameterError, match="rule-based"),
        ):
            backfill(house, FIRST)
