"""The reference tables of a run: real files, a real server of Prefect's, requests counted."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept_tables import expire, kept_file, record_in, rewrite
from pandas import DataFrame
from prefect.serializers import PickleSerializer
from prefect.settings import PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings

from blocks.answers import AnswerFolder
from blocks.edgar import EdgarClient
from blocks.errors import (
    EdgarBlocked,
    EdgarError,
    EdgarNotFound,
    EdgarUnavailable,
    IndexUnreadable,
    PriceError,
    PriceSourceUnavailable,
    PriceTableUnreadable,
)
from blocks.models import utc_now
from blocks.price_table import PriceTable
from blocks.prices import PriceSource
from blocks.ticker_table import TickerTable
from sandbox import faults, sec_faults
from sandbox.faults import Fault
from sandbox.market_day import generated_day
from sandbox.sec import StandInSec
from tasks.reference import (
    PRICES_WINDOW,
    ReferenceTable,
    ReferenceTables,
    load_prices,
    table_key,
)

DAY = generated_day(3, 4, noise=0)
PATHS = {"tickers": r"company_tickers\.json", "prices": r"prices\.csv"}
BOTH = pytest.mark.parametrize("name", list(PATHS))


@dataclass(frozen=True)
class Market:
    """A stand-in for both sources, and the folder that their tables are kept in."""

    sec: StandInSec
    edgar: EdgarClient
    prices: PriceSource
    folder: AnswerFolder

    @property
    def path(self) -> Path:
        return Path(str(self.folder.basepath))

    def run(self) -> ReferenceTables:
        """The tables of a new run."""
        return ReferenceTables.of(self.edgar, self.prices, self.folder)

    def table(self, name: str) -> ReferenceTable[TickerTable] | ReferenceTable[PriceTable]:
        """One of the tables of a new run."""
        run = self.run()
        return run.tickers if name == "tickers" else run.prices

    def asked(self, name: str) -> int:
        return self.sec.count(PATHS[name])

    def break_down(self, name: str, fault: Fault | None = None) -> None:
        self.sec.faults.add(fault or faults.status(404), match=PATHS[name], times=None)


@pytest.fixture
def market(tmp_path: Path, prefect_server: None) -> Iterator[Market]:
    del prefect_server  # it is enough that it runs
    folder = AnswerFolder(basepath=str(tmp_path / "answers"))
    folder.save(f"test-{uuid.uuid4().hex[:12]}")
    no_flow = temporary_settings({PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"})
    with no_flow, StandInSec(DAY) as sec:
        edgar = EdgarClient(
            user_agent="Tests tests@example.com",
            base_url=sec.url,
            limiter_path=tmp_path / "requests.sqlite",
            max_attempts=1,
        )
        prices = PriceSource(kind="file", location=f"{sec.url}/prices.csv", attempts=1)
        yield Market(sec, edgar, prices, folder)
        edgar.close()


# --- how often a source is asked ------------------------------------------------


@BOTH
def test_runs_within_the_window_ask_once_and_get_the_same_table(market: Market, name: str) -> None:
    first, second = market.table(name).get(), market.table(name).get()
    assert market.asked(name) == 1
    assert first.dump() == second.dump()
    assert len(first.frame) > 0
    assert not second.stale


@BOTH
def test_after_the_window_the_next_run_asks_again(market: Market, name: str) -> None:
    market.table(name).get()
    expire(market.path, name)
    assert not market.table(name).get().stale
    assert market.asked(name) == 2


def test_a_run_remembers_a_table_until_its_window_is_over(market: Market) -> None:
    table = market.run().prices
    assert table.get() is table.get()
    brief = load_prices.with_options(cache_expiration=timedelta(microseconds=1))
    table = ReferenceTable(brief, market.prices, PriceTable.load, market.folder)
    asked = market.asked("prices")
    expire(market.path, "prices")
    table.get()
    table.get()
    assert market.asked("prices") == asked + 2


def test_a_table_from_an_earlier_run_is_no_longer_fresh_in_this_run_than_in_any(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.table("prices").get()
    began = utc_now()
    table = market.run().prices
    monkeypatch.setattr("tasks.reference.utc_now", lambda: began + 0.9 * PRICES_WINDOW)
    table.get()
    expire(market.path, "prices")
    monkeypatch.setattr("tasks.reference.utc_now", lambda: began + 1.1 * PRICES_WINDOW)
    table.get()
    assert market.asked("prices") == 2


# --- a source that is down --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fault", "told"),
    [
        ("prices", faults.status(404), "answered 404"),
        ("prices", faults.dropped(), "did not answer"),
        ("prices", sec_faults.html_instead(), "prices.csv"),
        ("tickers", sec_faults.missing(), "company_tickers.json"),
        ("tickers", sec_faults.unavailable(), "company_tickers.json"),
        ("tickers", sec_faults.html_instead(), "not its ticker file"),
        ("tickers", faults.status(418), "418"),
    ],
)
def test_the_kept_table_is_used_past_its_window_and_the_run_says_so(
    market: Market, name: str, fault: Fault, told: str
) -> None:
    kept = market.table(name).get()
    expire(market.path, name)
    market.break_down(name, fault)
    table = market.table(name)
    stale = table.get()
    assert stale.stale
    assert stale.dump() == kept.dump()
    assert table.note.startswith(f"the {name} are those as of {kept.as_of:%Y-%m-%d %H:%M} UTC")
    assert told in table.note


@BOTH
def test_a_source_that_is_down_is_asked_once_a_run(market: Market, name: str) -> None:
    market.table(name).get()
    expire(market.path, name)
    market.break_down(name)
    table = market.table(name)
    for _ in range(3):
        assert table.get().stale
    assert market.asked(name) == 2
    market.table(name).get()
    assert market.asked(name) == 3, "the next run asks again"


@BOTH
def test_a_failure_leaves_the_kept_file_as_it_is_and_is_over_when_the_source_is_back(
    market: Market, name: str
) -> None:
    market.table(name).get()
    expire(market.path, name)
    before = kept_file(market.path, name).read_bytes()
    market.break_down(name)
    market.table(name).get()
    assert kept_file(market.path, name).read_bytes() == before
    market.sec.faults.clear()
    table = market.table(name)
    assert not table.get().stale
    assert table.note == ""


@pytest.mark.parametrize(
    ("name", "fault", "error"),
    [
        ("prices", faults.status(503), PriceSourceUnavailable),
        ("prices", sec_faults.html_instead(), PriceTableUnreadable),
        ("tickers", sec_faults.unavailable(), EdgarUnavailable),
        ("tickers", sec_faults.missing(), EdgarNotFound),
        ("tickers", sec_faults.html_instead(), IndexUnreadable),
    ],
)
def test_without_a_kept_table_the_error_is_raised_and_the_source_asked_once_a_run(
    market: Market, name: str, fault: Fault, error: type[Exception]
) -> None:
    market.break_down(name, fault)
    table = market.table(name)
    for _ in range(2):
        with pytest.raises(error):
            table.get()
    assert market.asked(name) == 1


def test_a_block_by_sec_is_raised_whatever_is_kept_and_not_met_again_in_that_run(
    market: Market,
) -> None:
    market.table("tickers").get()
    expire(market.path, "tickers")
    market.break_down("tickers", sec_faults.blocked())
    table = market.run().tickers
    for _ in range(2):
        with pytest.raises(EdgarBlocked):
            table.get()
    assert market.asked("tickers") == 2


def test_while_the_kept_tickers_are_fresh_a_block_is_not_even_met(market: Market) -> None:
    market.table("tickers").get()
    market.break_down("tickers", sec_faults.blocked())
    assert not market.table("tickers").get().stale


def test_the_notes_of_a_run_are_those_of_both_tables(market: Market) -> None:
    assert market.run().notes == ()
    for name in PATHS:
        market.table(name).get()
        expire(market.path, name)
        market.break_down(name)
    run = market.run()
    run.tickers.get()
    run.prices.get()
    assert [note.split()[1] for note in run.notes] == ["tickers", "prices"]


# --- what is kept ---------------------------------------------------------------


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:60])


def of_another_shape(file: Path) -> None:
    """Fresh, and as some other version might have kept it."""
    record = record_in(file)
    rewrite(file, {**record, "result": record["result"].replace("as_of", "at")})


def no_table_at_all(file: Path) -> None:
    rewrite(file, {**record_in(file), "result": "[1, 2]"})


def to_be_unpickled(file: Path) -> None:
    record = record_in(file)
    record["metadata"]["serializer"] = PickleSerializer().model_dump(mode="json")
    rewrite(file, record)


BREAKAGES = [torn, of_another_shape, no_table_at_all, to_be_unpickled]


@BOTH
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_kept_file_that_is_no_table_is_fetched_anew(
    market: Market, name: str, breakage: Callable[[Path], None]
) -> None:
    whole = market.table(name).get()
    breakage(kept_file(market.path, name))
    assert market.table(name).get().frame.equals(whole.frame)
    assert market.asked(name) == 2
    assert market.table(name).get().frame.equals(whole.frame)
    assert market.asked(name) == 2, "what was fetched has taken its place"


@BOTH
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_kept_file_that_is_no_table_does_not_stand_in_for_one(
    market: Market, name: str, breakage: Callable[[Path], None]
) -> None:
    market.table(name).get()
    breakage(kept_file(market.path, name))
    market.break_down(name)
    with pytest.raises((EdgarError, PriceError)):
        market.table(name).get()


def test_another_source_is_another_table(market: Market) -> None:
    market.table("prices").get()
    elsewhere = market.prices.model_copy(update={"location": f"{market.sec.url}/other.csv"})
    other = ReferenceTables.of(market.edgar, elsewhere, market.folder)
    with pytest.raises(PriceSourceUnavailable):
        other.prices.get()


def test_who_asks_makes_no_other_table(market: Market) -> None:
    other = market.edgar.model_copy(update={"user_agent": "Others others@example.com"})
    assert table_key("tickers", other) == table_key("tickers", market.edgar)


def test_the_tickers_are_as_of_their_fetch(market: Market) -> None:
    before = utc_now()
    fetched = market.run().tickers.get()
    assert before <= fetched.as_of <= utc_now()
    assert market.run().tickers.get().as_of == fetched.as_of


# --- the ticker table as a value ------------------------------------------------


def test_a_ticker_table_survives_json() -> None:
    frame = DataFrame({"cik": [7, 7, 8], "ticker": ["A", "A-P", "NA"], "name": ["é", "é", ""]})
    table = TickerTable(frame.astype({"ticker": "str", "name": "str"}), datetime.now(UTC))
    back = TickerTable.load(json.loads(json.dumps(table.dump())))
    assert back.frame.equals(table.frame)
    assert back.frame.dtypes.equals(table.frame.dtypes)
    assert back.as_of == table.as_of


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"as_of": "2025-12-11T21:00:00+00:00", "cik": [1], "ticker": ["A"]},
        {"as_of": "yesterday", "cik": [1], "ticker": ["A"], "name": ["x"]},
        {"as_of": "2025-12-11T21:00:00+00:00", "cik": ["x"], "ticker": ["A"], "name": ["x"]},
        {"as_of": "2025-12-11T21:00:00+00:00", "cik": [1, 2], "ticker": ["A"], "name": ["x"]},
    ],
)
def test_what_is_no_dumped_ticker_table_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises(IndexUnreadable, match="kept ticker table"):
        TickerTable.load(kept)
