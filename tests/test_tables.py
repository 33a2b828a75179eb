"""The reference tables through whole runs: asked once a window, used stale, and said so."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from installation import Installation, installed
from kept_tables import expire

from blocks.errors import EdgarNotFound, PriceSourceUnavailable
from blocks.models import Decision, utc_now
from blocks.prices import PriceSource
from sandbox import faults, sec_faults
from sandbox.faults import Fault
from sandbox.market_day import generated_day
from tasks.report import Funnel

SMALL = generated_day(7, 14, noise=0.2)
PRICES, TICKERS = r"prices\.csv", r"company_tickers\.json"
CLOSE_BEFORE = SMALL.closes_at - timedelta(days=1)  # what prices are as of until the day's close
SUBMISSIONS = r"/data/\d+/.*\.txt"

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installed(SMALL, tmp_path) as installation:
        dated = PriceSource(
            kind="file", location=f"{installation.sec.url}/prices.csv", as_of_column="as_of"
        )
        dated.save(installation.profile, overwrite=True)
        yield installation


def morning(house: Installation) -> Funnel:
    """A poll that keeps both tables and leaves filings to the evening."""
    house.sec.now = SMALL.closes_at - timedelta(hours=2)
    funnel = house.run(source="rss")
    assert funnel.claimed > 0
    return funnel


def evening(house: Installation) -> Funnel:
    """The batch run over the same day."""
    house.sec.now = SMALL.closes_at + timedelta(hours=7)
    funnel = house.run(source="batch", start_date=SMALL.day)
    assert funnel.claimed > 0
    return funnel


def break_down(house: Installation, path: str, fault: Fault | None = None) -> None:
    house.sec.faults.add(fault or faults.status(404), match=path, times=None)


def age(house: Installation, *names: str) -> None:
    for name in names:
        expire(house.folder / "answers", name)


def decisions(house: Installation, newest: int) -> list[Decision]:
    """The decisions of the outcomes that were stored last."""
    with duckdb.connect(house.folder / "store.duckdb", read_only=True) as store:
        rows = store.execute(
            "SELECT decision FROM outcome ORDER BY recorded_at DESC LIMIT ?", [newest]
        ).fetchall()
    return [Decision.model_validate(json.loads(decision)) for (decision,) in rows]


def test_two_runs_within_the_window_ask_once_for_each_table(house: Installation) -> None:
    morning(house)
    funnel = evening(house)
    assert (house.sec.count(PRICES), house.sec.count(TICKERS)) == (1, 1)
    assert funnel.notes == ()


def test_after_its_window_a_table_is_asked_for_again_and_the_other_is_not(
    house: Installation,
) -> None:
    morning(house)
    age(house, "prices")
    evening(house)
    assert (house.sec.count(PRICES), house.sec.count(TICKERS)) == (2, 1)


def test_every_decision_says_as_of_when_its_tables_are(house: Installation) -> None:
    before = utc_now()
    for decision in decisions(house, morning(house).claimed):
        assert decision.price_as_of == CLOSE_BEFORE
        assert decision.price_source == f"{house.sec.url}/prices.csv"
        assert decision.tickers_as_of is not None
        assert before < decision.tickers_as_of < utc_now()
        assert not decision.price_stale
        assert not decision.tickers_stale


def test_when_the_price_source_goes_down_its_last_table_is_used_and_the_run_says_so(
    house: Installation,
) -> None:
    morning(house)
    age(house, "prices")
    break_down(house, PRICES)
    funnel = evening(house)
    (note,) = funnel.notes
    assert f"the prices are those as of {CLOSE_BEFORE:%Y-%m-%d %H:%M} UTC" in note
    assert "prices.csv answered 404" in note
    told = decisions(house, funnel.enriched + sum(funnel.rejected.values()))
    assert len(told) == funnel.claimed
    for decision in told:
        assert decision.price_stale
        assert not decision.tickers_stale
        assert decision.price_as_of == CLOSE_BEFORE
        assert decision.price_source == f"{house.sec.url}/prices.csv"


def test_when_both_sources_go_down_both_are_said(house: Installation) -> None:
    morning(house)
    age(house, "prices", "tickers")
    break_down(house, PRICES)
    break_down(house, TICKERS, sec_faults.missing())
    funnel = evening(house)
    assert ["tickers" in note for note in funnel.notes] == [True, False]
    for decision in decisions(house, funnel.claimed):
        assert decision.tickers_stale
        assert decision.price_stale


@pytest.mark.parametrize(
    ("path", "fault", "error", "told"),
    [
        (PRICES, lambda: faults.status(404), PriceSourceUnavailable, "prices.csv answered 404"),
        (TICKERS, sec_faults.missing, EdgarNotFound, "company_tickers.json"),
    ],
)
def test_with_nothing_kept_the_run_fails_by_name_and_hands_its_claims_back(
    house: Installation,
    path: str,
    fault: Callable[[], Fault],
    error: type[Exception],
    told: str,
) -> None:
    break_down(house, path, fault())
    with pytest.raises(error, match=told):
        morning(house)
    assert house.sec.count(path) == 1
    house.sec.faults.clear()
    assert morning(house).enriched > 0, "not held by the failed run's lease"


def test_a_block_met_at_the_tickers_ends_the_run_though_a_table_is_kept(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    morning(house)
    house.sec.now = SMALL.closes_at + timedelta(hours=7)
    age(house, "tickers")
    read = house.sec.count(SUBMISSIONS)
    break_down(house, TICKERS, sec_faults.blocked())
    blocked = house.run(source="batch", start_date=SMALL.day)
    assert "asks this address to stay away" in blocked.stopped_by
    assert house.sec.count(SUBMISSIONS) == read, "nothing more was asked of EDGAR"
    house.sec.faults.clear()
    when_the_block_is_over = utc_now() + timedelta(minutes=10)
    monkeypatch.setattr("blocks.edgar_breaker.utc_now", lambda: when_the_block_is_over)
    assert evening(house).enriched > 0


def test_with_the_price_filter_off_a_decision_names_tickers_and_no_price(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEC_PRICE_FILTER_ENABLED", "0")
    for decision in decisions(house, morning(house).claimed):
        assert decision.tickers_as_of is not None
        assert (decision.price_as_of, decision.price_source) == (None, None)
        assert "priced" not in decision.ticker_choice
