"""The price source over real HTTP and real files: what it asks, whom, and how often."""

import json
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import stamina
from pandas import DataFrame
from prefect.blocks.core import Block
from pydantic import ValidationError

from blocks.errors import PriceError, PriceSourceUnavailable, PriceTableUnreadable
from blocks.prices import NASDAQ_SCREENER, PriceSource

KEY = "hush-hush"  # by name only, for a traceback shows lines of this file
CSV = b"symbol,price_usd\nBRK/B,490.50\nA,142.87\nB,n/a\n"
PRICES_USD = {"BRK-B": 490.5, "A": 142.87}

Answer = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int = 200, body: bytes = CSV, **headers: str) -> Answer:
    def give(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return give


def echo(request: BaseHTTPRequestHandler) -> None:
    """Complain of the key, as some vendors do, in an answer that looks good."""
    answer(body=f"We know no {request.path}\nat all".encode())(request)


def all_that_is_told(error: BaseException) -> str:
    """The error as a log shows it, with everything that led to it."""
    return "".join(traceback.format_exception(error))


def to_localhost(request: BaseHTTPRequestHandler) -> None:
    port = request.connection.getsockname()[1]
    answer(302, Location=f"http://localhost:{port}/")(request)


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def drip(request: BaseHTTPRequestHandler) -> None:
    """Send a byte every 20 ms: each read is in time, the whole never ends."""
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(200):
            request.wfile.write(b"x")
            time.sleep(0.02)
    except OSError:
        return


class Server:
    """Gives its answers in turn, the last one for ever, and remembers what it was asked."""

    def __init__(self, port: int, answers: list[Answer]) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, dict(self.headers)))
            turn = min(len(server.asked), len(server.answers)) - 1
            server.answers[turn](self)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - http.server's signature
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server = Server(httpd.server_address[1], list(answers))
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            httpd.shutdown()
            thread.join()


def source(location: str, **settings: Any) -> PriceSource:  # noqa: ANN401 - fields of the block
    return PriceSource(kind="file", location=location, **settings)


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(testing=True, attempts=10, cap=True):
        yield


# --- settings -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "file"}, "name the price file"),
        ({"kind": "file", "location": ""}, "name the price file"),
        ({"kind": "file", "location": "s3://bucket/prices.csv"}, "not an http"),
        ({"kind": "file", "location": "https:///prices.csv"}, "not an http"),
        ({"kind": "file", "location": "http://ex ample:x/"}, "not an address"),
        ({"kind": "file", "location": "https://me:secret@example.com/"}, "leave user name"),
        ({"kind": "nasdaq", "location": "prices.csv"}, "not an http"),
        ({"kind": "yahoo"}, "'nasdaq' or 'file'"),
        ({"timeout_s": 0}, "greater than 0"),
        ({"max_bytes": 0}, "greater than 0"),
        ({"attempts": 0}, "greater than or equal to 1"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        PriceSource(**settings)


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(ValidationError) as refused:
        source(f"ftp://me:{KEY}@example.com/prices.csv?key={KEY}")
    assert KEY not in all_that_is_told(refused.value)


@pytest.mark.parametrize(
    "location",
    [f"http://me:{KEY}@example.com:x/", f"http://me:s@{KEY}:word@example.com/?{KEY}"],
)
def test_an_address_that_cannot_be_read_is_not_shown(location: str) -> None:
    with pytest.raises(ValidationError, match="location: ") as refused:
        source(location)
    assert KEY not in all_that_is_told(refused.value)


def test_without_settings_the_whole_market_is_asked_of_nasdaq() -> None:
    assert PriceSource().kind == "nasdaq"
    assert NASDAQ_SCREENER.startswith("https://api.nasdaq.com/")


def test_prefects_own_load_is_left_alone() -> None:
    assert PriceSource.load.__func__ is Block.load.__func__  # type: ignore[attr-defined]  # a bound method


def test_every_field_explains_itself() -> None:
    assert all(field.description for field in PriceSource.model_fields.values())
    assert PriceSource.get_description()
    assert PriceSource.get_block_type_slug() == "price-source"


# --- files --------------------------------------------------------------------


def test_a_file_is_dated_by_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(CSV)
    written_at = datetime(2025, 12, 11, 21, 5, tzinfo=UTC)
    os.utime(path, (written_at.timestamp(), written_at.timestamp()))
    table = source(str(path)).fetch_prices()
    assert table.by_symbol().to_dict() == PRICES_USD
    assert (table.as_of, table.source, table.unreadable) == (written_at, str(path), 1)


def test_a_file_is_dated_by_its_own_column_where_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("Ticker,Last,Day\nA,1,2025-12-11\n")
    table = source(
        str(path), symbol_column="Ticker", price_column="Last", as_of_column="Day"
    ).fetch_prices()
    assert table.as_of == datetime(2025, 12, 11, 21, tzinfo=UTC)


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "prices.csv").write_bytes(CSV)
    assert source("~/prices.csv").fetch_prices().by_symbol().to_dict() == PRICES_USD


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceSourceUnavailable, match=r"gone\.csv cannot be read \(No such file"):
        source(str(tmp_path / "gone.csv")).fetch_prices()


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(CSV)
    assert source(str(path), max_bytes=len(CSV)).fetch_prices()
    with pytest.raises(PriceTableUnreadable, match="Raise max_bytes"):
        source(str(path), max_bytes=len(CSV) - 1).fetch_prices()


# --- over HTTP ----------------------------------------------------------------


def test_a_file_over_http_is_dated_by_last_modified() -> None:
    stamp = "Thu, 11 Dec 2025 21:05:00 GMT"
    with serving(answer(Last_Modified=stamp)) as server:
        table = source(f"{server.address}/prices.csv?key=secret").fetch_prices()
    assert table.by_symbol().to_dict() == PRICES_USD
    assert table.as_of == datetime(2025, 12, 11, 21, 5, tzinfo=UTC)
    assert table.source == f"{server.address}/prices.csv"
    assert [path for path, _ in server.asked] == ["/prices.csv?key=secret"]


@pytest.mark.parametrize("undated", [answer(), answer(Last_Modified="yesterday")])
def test_a_file_over_http_without_a_date_is_dated_by_its_fetch(undated: Answer) -> None:
    before = datetime.now(UTC)
    with serving(undated) as server:
        as_of = source(server.address).fetch_prices().as_of
    assert before <= as_of <= datetime.now(UTC)


def test_parquet_is_read_over_http() -> None:
    file = BytesIO()
    DataFrame({"symbol": ["A"], "price_usd": [142.87]}).to_parquet(file)
    with serving(answer(body=file.getvalue())) as server:
        assert source(server.address).fetch_prices().by_symbol().to_dict() == {"A": 142.87}


def test_the_screener_is_asked_as_a_browser_would(edgar_captures: Path) -> None:
    rows = [
        row
        for exchange in ("amex", "nasdaq", "nyse")
        for row in json.loads(
            (edgar_captures / f"prices/{exchange}_full_tickers_2025-12-11.json").read_text()
        )
    ]
    body = json.dumps({"data": {"asOf": None, "headers": {}, "rows": rows}}).encode()
    with serving(answer(body=body)) as server:
        screener = PriceSource(location=f"{server.address}/api/screener/stocks?download=true")
        table = screener.fetch_prices()
    assert (len(table.frame), table.by_symbol()["BRK-A"] > 700_000) == (7068, True)
    assert table.source == "Nasdaq screener at 127.0.0.1, dated by its fetch"
    assert datetime.now(UTC) - table.as_of < timedelta(minutes=1)
    ((path, headers),) = server.asked
    assert path == "/api/screener/stocks?download=true"
    assert headers["User-Agent"].startswith("Mozilla/5.0")
    assert headers["Accept"].startswith("application/json")


@pytest.mark.parametrize(
    "trouble",
    [
        answer(503),
        answer(500),
        answer(429, Retry_After="1"),
        answer(429, Retry_After="?"),
        hang_up,
    ],
    ids=["503", "500", "429 with a wait", "429 with nonsense", "hung up"],
)
def test_trouble_that_passes_is_asked_again(trouble: Answer) -> None:
    with serving(trouble, trouble, answer()) as server:
        table = source(server.address, attempts=3).fetch_prices()
    assert table.by_symbol().to_dict() == PRICES_USD
    assert len(server.asked) == 3


def test_the_wait_a_server_asks_for_is_kept() -> None:
    with (
        stamina.set_testing(testing=False),
        serving(answer(429, Retry_After="1"), answer()) as server,
    ):
        start = time.monotonic()
        source(server.address, attempts=2).fetch_prices()
        assert time.monotonic() - start >= 1


@pytest.mark.parametrize(
    ("trouble", "asked", "message"),
    [
        (answer(503), 2, "answered 503 Service Unavailable. The next run"),
        (answer(429, Retry_After="3600"), 1, "answered 429 Too Many Requests"),
        (answer(403), 1, "answered 403 Forbidden. It refuses this client"),
        (answer(404), 1, "answered 404 Not Found. Check the location"),
        (answer(304), 1, "answered 304"),
        (hang_up, 2, "did not answer in 2 attempts of 30 s"),
        (answer(body=b"no gzip", Content_Encoding="gzip"), 1, "DecodingError"),
    ],
    ids=["503", "429 for an hour", "403", "404", "304", "hung up", "bad encoding"],
)
def test_trouble_that_stays_is_told_with_the_address_and_a_remedy(
    trouble: Answer, asked: int, message: str
) -> None:
    with serving(trouble) as server:
        with pytest.raises(PriceSourceUnavailable, match=message) as told:
            source(f"{server.address}/p.csv?key={KEY}", attempts=2).fetch_prices()
        assert len(server.asked) == asked
    assert told.value.subject == f"{server.address}/p.csv"
    assert KEY not in all_that_is_told(told.value)


@pytest.mark.parametrize(
    "answers",
    [
        (answer(),),
        (answer(503), answer()),
        (answer(302, Location=f"/v2.csv?key={KEY}"), answer()),
    ],
    ids=["good", "asked again", "redirected"],
)
def test_the_query_of_an_address_is_sent_and_never_logged(
    answers: tuple[Answer, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), serving(*answers) as server:
        assert source(f"{server.address}/p.csv?key={KEY}").fetch_prices()
    assert all(path.endswith(f"?key={KEY}") for path, _ in server.asked)
    assert any(record.name == "httpx" for record in caplog.records)
    assert not [record for record in caplog.records if KEY in str(vars(record))]


@pytest.mark.parametrize("kind", ["nasdaq", "file"])
def test_an_answer_that_repeats_the_key_is_not_quoted_with_it(kind: str) -> None:
    with serving(echo) as server:
        address = f"{server.address}/p.csv?download=true&key=a%20{KEY}"
        block = PriceSource.model_validate({"kind": kind, "location": address})
        with pytest.raises(PriceTableUnreadable, match="We know no") as told:
            block.fetch_prices()
    assert KEY not in all_that_is_told(told.value)
    assert told.value.subject


def test_what_is_no_key_stays_in_the_advice() -> None:
    part = json.dumps({"data": {"rows": [{"symbol": "A"}], "totalrecords": 2}}).encode()
    with (
        serving(answer(body=part)) as server,
        pytest.raises(PriceTableUnreadable, match="with download=true"),
    ):
        PriceSource(location=f"{server.address}/?download=true").fetch_prices()


def test_nobody_there_is_told() -> None:
    with serving(answer()) as server:
        address = server.address
    with pytest.raises(PriceSourceUnavailable, match="ConnectError"):
        source(address, attempts=2).fetch_prices()


def test_a_server_that_drips_does_not_hold_the_run() -> None:
    with serving(drip) as server:
        start = time.monotonic()
        with pytest.raises(PriceSourceUnavailable, match="the body was still coming"):
            source(server.address, attempts=1, timeout_s=0.2).fetch_prices()
        assert time.monotonic() - start < 2


def test_a_list_beyond_the_limit_is_not_read_to_its_end() -> None:
    with (
        serving(answer(body=b"x" * 1_000_000)) as server,
        pytest.raises(PriceTableUnreadable, match="is larger than 1000 bytes"),
    ):
        source(server.address, max_bytes=1000).fetch_prices()


@pytest.mark.parametrize("kind", ["nasdaq", "file"])
def test_a_page_for_people_is_not_taken_for_prices(kind: str) -> None:
    with serving(answer(body=b"<html><body>Access Denied</body></html>")) as server:
        block = PriceSource.model_validate({"kind": kind, "location": server.address})
        with pytest.raises(PriceError, match=r"127\.0\.0\.1"):
            block.fetch_prices()


# --- redirects ----------------------------------------------------------------


def test_a_redirect_on_the_same_server_is_followed() -> None:
    with serving(answer(302, Location="/v2/prices.csv"), answer()) as server:
        assert source(f"{server.address}/prices.csv").fetch_prices()
        assert [path for path, _ in server.asked] == ["/prices.csv", "/v2/prices.csv"]


def test_a_redirect_to_another_server_is_refused_and_not_asked() -> None:
    with (
        serving(answer()) as other,
        serving(answer(302, Location=f"{other.address}/prices.csv")) as server,
    ):
        with pytest.raises(PriceSourceUnavailable, match="another server and was not asked"):
            source(server.address).fetch_prices()
        assert other.asked == []


def test_a_redirect_to_another_name_of_the_same_port_is_refused() -> None:
    with serving(to_localhost) as server:
        with pytest.raises(PriceSourceUnavailable, match=r"redirects to http://localhost:\d+/,"):
            source(server.address).fetch_prices()
        assert len(server.asked) == 1


def test_a_refused_redirect_shows_no_query() -> None:
    with serving(answer(302, Location=f"http://me:{KEY}@localhost/?key={KEY}")) as server:
        with pytest.raises(PriceSourceUnavailable, match="another server") as refused:
            source(f"{server.address}/?key={KEY}").fetch_prices()
        assert KEY not in all_that_is_told(refused.value)


def test_a_redirect_in_a_circle_ends() -> None:
    with serving(answer(302, Location="/again")) as server:
        with pytest.raises(PriceSourceUnavailable, match="redirects more than 3 times"):
            source(server.address).fetch_prices()
        assert len(server.asked) == 4


# --- threads ------------------------------------------------------------------


def test_threads_may_share_one_block() -> None:
    with serving(answer()) as server, ThreadPoolExecutor(8) as pool:
        block = source(server.address)
        tables = list(pool.map(lambda _: block.fetch_prices(), range(16)))
    assert all(table.by_symbol().to_dict() == PRICES_USD for table in tables)
