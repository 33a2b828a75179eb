"""The batch path over days: a flow run and a certificate for each, however many there are."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from installation import TOO_LITTLE_USD, Installation, installed, retry
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State

import flows.days
from blocks.errors import EdgarNotFound, IndexUnreadable, RunNeedsAttention
from blocks.forms import DEFAULT_FORMS
from blocks.models import Filing, FoundBy, accession_key
from flows.filings import sec_filings
from sandbox import faults, model_faults, sec_faults
from sandbox.market import DayFiling
from sandbox.market_week import generated_week

FIRST, LAST = date(2025, 11, 24), date(2025, 12, 1)  # over Thanksgiving and a weekend
WEEK = generated_week(11, FIRST, 5, 12, noise=0.2)
DAYS = WEEK.days

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(WEEK, tmp_path) as installation:
        installation.sec.now += timedelta(days=1)
        yield installation


def listed(day: date) -> list[DayFiling]:
    """The filings of the default forms that the day's index has."""
    return [one for one in WEEK.filings if one.filed_on == day and one.form in DEFAULT_FORMS]


def run_of(house: Installation, **parameters: Any) -> State[Any]:  # noqa: ANN401 - any parameter
    return sec_filings(source="batch", profile=house.profile, return_state=True, **parameters)


def day_runs(state: State[Any]) -> list[FlowRun]:
    """The flow runs of the days of a run, as the UI lists them below it."""
    run_id = state.state_details.flow_run_id
    with get_client(sync_client=True) as client:
        parent = FlowRunFilterParentFlowRunId(any_=[run_id] if run_id else [])
        found = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
    return sorted(found, key=lambda run: run.name)


def latest(key: str) -> Artifact:
    """The newest artifact of a key."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        )
    return max(found, key=lambda one: str(one.created))


def certified(house: Installation) -> dict[date, bool]:
    """The last word on each day."""
    return {kept.certificate.day: kept.certificate.closed for kept in house.store.certificates()}


def test_a_range_over_a_holiday_and_a_weekend_is_a_run_and_a_certificate_for_each_day(
    house: Installation,
) -> None:
    state = run_of(house, start_date=FIRST, end_date=LAST)
    assert state.is_completed()
    runs = day_runs(state)
    assert [run.name for run in runs] == [f"{day}" for day in DAYS]
    assert [run.parameters for run in runs] == [{"day": f"{day}"} for day in DAYS]
    assert certified(house) == dict.fromkeys(DAYS, True)
    for kept in house.store.certificates():
        certificate = kept.certificate
        assert certificate.in_index == len(listed(certificate.day))
        assert certificate.in_index == certificate.enriched + sum(certificate.rejected.values())
    shown = latest("batch-days")
    assert shown.data == 100.0
    assert shown.description == "5 of 5 days worked through, 5 certified complete"
    assert "is complete" in str(latest(f"certificate-{FIRST}").description)


def test_a_day_that_cannot_be_read_costs_no_other_day_and_a_retry_asks_for_it_alone(
    house: Installation,
) -> None:
    house.sec.faults.add(sec_faults.html_instead(), match=f"master.{DAYS[1]:%Y%m%d}")
    state = run_of(house, start_date=FIRST, end_date=LAST)
    assert state.is_failed()
    assert f"the daily index of {DAYS[1]} is not read" in str(latest("funnel-batch").data)
    assert [run.state_name for run in day_runs(state)].count("Failed") == 1
    assert certified(house) == dict.fromkeys(set(DAYS) - {DAYS[1]}, True)
    paid = house.model.paid_calls.total()
    house.run(source="batch", start_date=DAYS[1])
    assert certified(house) == dict.fromkeys(DAYS, True)
    assert set(house.model.paid_calls.values()) == {1}
    assert house.model.paid_calls.total() > paid


def test_a_day_can_be_certified_again_at_any_time_without_paying_again(
    house: Installation,
) -> None:
    house.run(source="batch", start_date=FIRST)
    paid = dict(house.model.paid_calls)
    again = house.run(source="batch", start_date=FIRST)
    assert dict(house.model.paid_calls) == paid
    assert (again.model_calls, again.claimed) == (0, 0)
    first, second = house.store.certificates(FIRST)
    assert first.certificate == second.certificate


def test_a_filing_without_an_outcome_fails_the_run_by_name(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run died on it, say, and its lease is long; nobody is waited for here."""
    monkeypatch.setattr(flows.days, "PATIENCE_S", 0.0)
    victim = as_filing(listed(FIRST)[0])
    house.store.claim([victim], owner="another run", lease_s=3600)
    with pytest.raises(RunNeedsAttention, match=victim.accession):
        house.run(source="batch", start_date=FIRST)
    assert certified(house) == {FIRST: False}
    house.store.release([victim.accession], owner="another run")
    house.run(source="batch", start_date=FIRST)
    assert certified(house) == {FIRST: True}


def as_filing(one: DayFiling) -> Filing:
    return Filing(
        accession=one.accession, form=one.form, parties=one.parties, found_by=FoundBy.INDEX
    )


def test_an_open_day_fails_the_run_although_a_budget_stopped_it_later(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.days, "PATIENCE_S", 0.0)
    house.run(source="batch", start_date=FIRST, unknown_price="reject", price_ceiling_usd=0.0001)
    victim = as_filing(listed(FIRST)[0])
    house.store.claim([victim], owner="another run", lease_s=3600, refresh=True)
    forget_the_outcome(house, victim.accession)
    with pytest.raises(RunNeedsAttention, match=victim.accession):
        house.run(source="batch", start_date=FIRST, end_date=LAST, budget_usd=TOO_LITTLE_USD)
    assert certified(house)[DAYS[1]] is False


def forget_the_outcome(house: Installation, accession: str) -> None:
    """As if the run that holds it had been the first to meet it."""
    with house.store._transaction(writes=True) as transaction:
        key = accession_key(accession)
        transaction.rows("DELETE FROM outcome WHERE k = $1::bigint", key)
        transaction.rows("UPDATE seen SET done_at = NULL WHERE k = $1::bigint", key)


def test_a_retry_certifies_the_index_as_it_is_by_then(house: Installation) -> None:
    spoilt = faults.Fault("spoilt row", lambda normal: replace(normal, body=normal.body + b"x|\n"))
    house.sec.faults.add(spoilt, match=f"master.{FIRST:%Y%m%d}")
    state = run_of(house, start_date=FIRST)
    assert state.is_failed()
    assert certified(house) == {FIRST: False}
    assert retry(state).is_completed()
    assert certified(house) == {FIRST: True}


def test_a_failed_filing_is_accounted_for_and_fails_its_day_until_it_is_enriched(
    house: Installation,
) -> None:
    house.model.faults.add(model_faults.nonsense())
    state = run_of(house, start_date=FIRST, end_date=DAYS[1])
    assert state.is_failed()
    assert [run.state_name for run in day_runs(state)] == ["Failed", "Completed"]
    first, _ = house.store.certificates()
    assert first.certificate.closed
    assert len(first.certificate.failed) == 1
    assert house.run(source="batch", start_date=FIRST).enriched == 1
    assert house.store.certificates(FIRST)[-1].certificate.failed == ()


def test_an_outage_ends_the_run_at_that_day_and_the_rest_is_left_to_a_retry(
    house: Installation,
) -> None:
    house.sec.faults.add(faults.dropped(), match=f"master.{DAYS[1]:%Y%m%d}", times=None)
    state = run_of(house, start_date=FIRST, end_date=LAST)
    assert state.is_failed()
    assert "EDGAR did not give" in str(state.message)
    assert [run.name for run in day_runs(state)] == [f"{DAYS[0]}", f"{DAYS[1]}"]
    assert certified(house) == {FIRST: True}


def test_a_block_ends_run_and_day_as_waiting_for_sec(house: Installation) -> None:
    house.sec.faults.add(sec_faults.rate_limited(), match=f"master.{DAYS[1]:%Y%m%d}")
    state = run_of(house, start_date=FIRST, end_date=LAST)
    assert (state.name, state.is_completed()) == ("WaitingForSEC", True)
    assert [run.state_name for run in day_runs(state)] == ["Completed", "WaitingForSEC"]
    assert f"start_date={DAYS[1]} and end_date={LAST}" in str(state.message)


def test_a_block_met_for_a_table_ends_the_day_alike(house: Installation) -> None:
    house.sec.faults.add(sec_faults.rate_limited(), match="company_tickers")
    state = run_of(house, start_date=FIRST, end_date=LAST)
    assert (state.name, state.is_completed()) == ("WaitingForSEC", True)
    assert [run.state_name for run in day_runs(state)] == ["WaitingForSEC"]


def test_a_budget_that_ends_leaves_the_day_open_and_says_so_without_failing_the_run(
    house: Installation,
) -> None:
    state = run_of(house, start_date=FIRST, end_date=LAST, budget_usd=TOO_LITTLE_USD)
    assert (state.name, state.is_completed()) == ("BudgetReached", True)
    assert f"start_date={FIRST} and end_date={LAST}" in str(state.message)
    assert certified(house) == {FIRST: False}
    assert "is NOT complete" in str(latest("funnel-batch").data)
    house.run(source="batch", start_date=FIRST, end_date=LAST)
    assert certified(house) == dict.fromkeys(DAYS, True)


def test_a_day_that_edgar_was_closed_on_is_noted_and_has_no_certificate(
    house: Installation,
) -> None:
    house.sec.faults.add(sec_faults.missing(), match=f"master.{DAYS[1]:%Y%m%d}")
    state = run_of(house, start_date=FIRST, end_date=DAYS[2])
    assert state.is_completed()
    assert [run.state_name for run in day_runs(state)] == ["Completed", "NoIndex", "Completed"]
    assert certified(house) == {FIRST: True, DAYS[2]: True}
    assert f"no daily index for {DAYS[1]}" in str(latest("funnel-batch").data)


def test_a_past_day_that_still_has_no_index_needs_attention(house: Installation) -> None:
    house.sec.faults.add(sec_faults.missing(), match=f"master.{LAST:%Y%m%d}")
    with pytest.raises(RunNeedsAttention, match=f"no daily index for {LAST}"):
        house.run(source="batch", start_date=DAYS[3], end_date=LAST)
    assert certified(house) == {DAYS[3]: True}


@pytest.mark.parametrize(
    ("fault", "error"),
    [(sec_faults.missing, EdgarNotFound), (sec_faults.html_instead, IndexUnreadable)],
)
def test_a_run_none_of_whose_days_can_be_read_fails_with_the_reason(
    house: Installation, fault: Callable[[], faults.Fault], error: type[Exception]
) -> None:
    house.sec.faults.add(fault(), match="master", times=None)
    with pytest.raises(error):
        house.run(source="batch", start_date=FIRST, end_date=LAST)


def test_a_run_for_some_companies_certifies_nothing(house: Installation) -> None:
    cik = listed(FIRST)[0].parties[0].cik
    funnel = house.run(source="batch", start_date=FIRST, ciks=[cik])
    assert 0 < funnel.fetched < len(listed(FIRST))
    assert certified(house) == {}
    assert house.run(source="batch", start_date=FIRST, ciks=[1]).fetched == 0


def test_a_long_range_is_read_from_the_quarters_index_and_gives_the_same_days(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.indexes.LONG_RANGE_DAYS", 4)
    house.run(source="batch", start_date=FIRST, end_date=LAST)
    assert house.sec.count("full-index") == 1
    assert house.sec.count("daily-index") == 0
    assert certified(house) == dict.fromkeys(DAYS, True)
    for kept in house.store.certificates():
        assert kept.certificate.in_index == len(listed(kept.certificate.day))


def test_a_backfill_leaves_what_the_live_path_knows_as_it_is(house: Installation) -> None:
    house.run(source="rss")
    feed = f"{house.sec.url} {','.join(sorted(DEFAULT_FORMS))}"
    mark = house.store.feed_mark(feed)
    assert mark is not None
    house.run(source="batch", start_date=FIRST, end_date=LAST)
    assert house.store.feed_mark(feed) == mark
    asked = len(house.sec.ledger)
    assert house.run(source="rss").requests == len(house.sec.ledger) - asked == 1


def test_what_a_backfill_left_by_its_budget_is_the_live_paths_once_the_feed_shows_it(
    house: Installation,
) -> None:
    house.run(source="batch", start_date=LAST, budget_usd=TOO_LITTLE_USD)
    live = house.run(source="rss")
    expected = {one.accession for one in listed(LAST)}
    assert expected <= set(house.store.outcomes()["accession"])
    assert live.enriched == house.model.paid_calls.total()
