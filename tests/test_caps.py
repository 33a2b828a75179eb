"""The flow under a daily cap and a cap of the run: what it spends, keeps, leaves and says."""

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString, NoReturn, cast

import pytest
from installation import Installation, installed, retry
from store_backends import Backend

from blocks.analyst import Analyst
from blocks.errors import ConfigurationError, ParameterError, RunNeedsAttention, StoreUnavailable
from blocks.models import Excerpt
from blocks.spending import Cap
from blocks.store_spending import SpendingLedger
from flows.filings import sec_filings
from sandbox import faults
from sandbox.loopback import Response
from sandbox.market_day import generated_day
from tasks.report import Funnel, funnel_markdown

SMALL = generated_day(7, 14, noise=0.2)
DAY = SMALL.day
SHORT = 300  # tokens of an excerpt, so that what a call may cost is much the same for each

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(SMALL, tmp_path) as installation:
        yield installation


def tight_usd(house: Installation) -> float:
    """A cap that covers one call at its worst, and a few as they are."""
    full = Excerpt(text="...", parts=(), tokens=SHORT, shortened=True)
    worst_usd = analyst_of(house).worst_case_cost_usd(full)
    assert worst_usd is not None
    return worst_usd + 0.0003


def analyst_of(house: Installation) -> Analyst:
    return cast("Analyst", Analyst.load(house.profile))


def set_analyst(house: Installation, **fields: float | None) -> None:
    analyst_of(house).model_copy(update=fields).save(house.profile, overwrite=True)


def submissions(house: Installation) -> int:
    """How many were asked of EDGAR."""
    return house.sec.count(r"/data/\d+/.*\.txt")


def rows(house: Installation, sql: LiteralString) -> list[tuple[object, ...]]:
    backend = Backend(f"duckdb:///{house.folder / 'store.duckdb'}")
    return backend.rows(sql)


def test_a_daily_cap_stops_every_run_of_the_day_and_the_next_goes_on_once_it_is_raised(
    house: Installation,
) -> None:
    cap_usd = tight_usd(house)
    set_analyst(house, daily_cap_usd=cap_usd)
    first = house.run(source="batch", start_date=DAY, concurrency=4, excerpt_tokens=SHORT)
    assert first.enriched > 0
    assert first.untouched > 0
    assert "daily cap" in first.stopped_by
    assert first.spent_usd <= cap_usd
    asked = submissions(house)
    second = house.run(source="batch", start_date=DAY, excerpt_tokens=SHORT)
    assert (second.enriched, second.untouched) == (0, first.untouched)
    assert "raise it, or let a run of the next day go on" in second.stopped_by
    assert submissions(house) == asked, "nothing is downloaded that cannot be paid for"
    set_analyst(house, daily_cap_usd=100.0)
    rest = house.run(source="batch", start_date=DAY, excerpt_tokens=SHORT)
    assert rest.enriched == first.untouched
    assert set(house.model.paid_calls.values()) == {1}


def test_the_live_path_leaves_the_rest_to_the_next_day_and_says_so(house: Installation) -> None:
    set_analyst(house, daily_cap_usd=tight_usd(house))
    funnel = house.run(source="rss", excerpt_tokens=SHORT)
    assert funnel.untouched > 0
    assert funnel.next_step == (
        "The next rss run, of the next day (Eastern) or once the cap is raised,"
        " takes up what is left"
    )


def test_the_report_says_what_is_spent_of_each_cap_and_what_is_left(house: Installation) -> None:
    set_analyst(house, daily_cap_usd=1.0)
    first = house.run(source="rss")
    second = house.run(source="batch", start_date=DAY, refresh="all", budget_usd=0.5)
    of_run, today = second.balances
    assert (of_run.cap, of_run.cap_usd, today.cap, today.cap_usd) == (Cap.RUN, 0.5, Cap.DAY, 1.0)
    assert of_run.spent_usd == pytest.approx(second.spent_usd)
    assert today.spent_usd == pytest.approx(first.spent_usd + second.spent_usd)
    told = funnel_markdown(second)
    assert f"${today.spent_usd:.4f} of its cap of $1.0000, ${today.left_usd:.4f} left" in told


def test_without_a_cap_spending_is_booked_for_an_engineer_to_sum_up(house: Installation) -> None:
    funnel = house.run(source="rss")
    [(model, calls, usd)] = rows(house, "SELECT model, calls, spent_usd FROM spent_by_day")
    assert (model, calls) == ("gpt-6-luna", funnel.model_calls)
    assert usd == pytest.approx(funnel.spent_usd)


def test_a_retry_goes_on_with_what_its_run_has_spent(house: Installation) -> None:
    cap_usd = tight_usd(house)
    state = sec_filings(
        source="batch",
        start_date=DAY,
        profile=house.profile,
        budget_usd=cap_usd,
        excerpt_tokens=SHORT,
        return_state=True,
    )
    assert state.name == "BudgetReached"
    first = Funnel.model_validate(state.result())
    again = Funnel.model_validate(retry(state).result())
    assert again.untouched > 0
    (of_run, _) = again.balances
    assert of_run.spent_usd == pytest.approx(first.spent_usd + again.spent_usd)
    assert of_run.spent_usd <= cap_usd


def test_a_daily_cap_is_kept_with_the_store_switched_off(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEN_STORE_ENABLED", "0")
    monkeypatch.setenv("FEATURE_SEC_LLM_CACHE", "0")
    cap_usd = tight_usd(house)
    set_analyst(house, daily_cap_usd=cap_usd)
    funnels = [house.run(source="rss", excerpt_tokens=SHORT) for _ in range(2)]
    assert funnels[0].enriched > 0
    assert sum(funnel.spent_usd for funnel in funnels) <= cap_usd
    assert "daily cap" in funnels[1].stopped_by
    assert rows(house, "SELECT count(*) FROM seen") == [(0,)], "the store is used for nothing else"


def test_rules_book_nothing_whatever_the_caps(tmp_path: Path) -> None:
    with installed(SMALL, tmp_path, key=None) as house:
        set_analyst(house, daily_cap_usd=1.0)
        funnel = house.run(source="rss", budget_usd=1.0)
        assert funnel.enriched > 0
        assert funnel.balances == ()
        assert rows(house, "SELECT count(*) FROM spending") == [(0,)]


def test_a_cap_on_a_model_of_unknown_price_is_refused_before_any_request(
    house: Installation,
) -> None:
    set_analyst(house, price_provider=None)
    with pytest.raises(ParameterError, match=r"budget_usd: the price .*\(price_provider\)"):
        house.run(source="rss", budget_usd=1.0)
    set_analyst(house, daily_cap_usd=1.0)
    with pytest.raises(ConfigurationError, match="daily_cap_usd of the analyst block: the price"):
        house.run(source="rss")
    assert house.sec.ledger.entries == ()


def test_a_store_that_goes_away_stops_the_run_after_the_calls_in_flight(
    house: Installation,
) -> None:
    def lose_the_store(normal: Response) -> Response:
        (house.folder / "store.duckdb").write_bytes(b"damaged")
        return normal

    house.model.faults.add(faults.Fault("the disk fails", lose_the_store))
    with pytest.raises(StoreUnavailable, match="move a damaged one away"):
        house.run(source="rss", concurrency=2)
    assert len(house.model.ledger) <= 2


def test_a_store_that_books_nothing_stops_the_run_and_costs_no_filing_an_attempt(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> NoReturn:
        raise StoreUnavailable("the ledger is out of reach")

    with monkeypatch.context() as broken:
        broken.setattr(SpendingLedger, "reserve", unreachable)
        with pytest.raises(RunNeedsAttention, match=r" 0 failed.*the ledger is out of reach"):
            house.run(source="rss")
    assert house.model.ledger.entries == ()
    assert house.run(source="rss").enriched > 0
    assert rows(house, "SELECT max(attempts) FROM outcome") == [(1,)]


def test_a_cap_that_covers_no_call_is_refused_by_name(house: Installation) -> None:
    with pytest.raises(ParameterError, match="budget_usd: it covers no call"):
        house.run(source="batch", start_date=DAY, budget_usd=0.001)
    set_analyst(house, daily_cap_usd=0.001)
    with pytest.raises(ConfigurationError, match="daily_cap_usd of the analyst block"):
        house.run(source="batch", start_date=DAY)
    assert house.model.paid_calls.total() == 0
