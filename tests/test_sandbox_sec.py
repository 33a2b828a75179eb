"""The stand-in sec.gov, asked over real HTTP by a real client and read by real parsers."""

import csv
import io
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import feedparser
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sec_requests import AGENT, accessions, feed_path

from sandbox import sec_faults
from sandbox.captures import CapturedFolder
from sandbox.dissemination import EASTERN
from sandbox.faults import Fault, Faults, dropped, slow, status, truncated
from sandbox.ledger import peak_rate
from sandbox.market_day import bundled_day, generated_day
from sandbox.paging import Feed
from sandbox.sec import StandInSec

DAILY = "/Archives/edgar/daily-index/2025/QTR4/master.20251211.idx"
FIRST_SWEEP = "feeds/sweep_20251212T180234_all"


def eastern(hour: int, minute: int = 0, second: int = 0, day: int = 11) -> datetime:
    return datetime(2025, 12, day, hour, minute, second, tzinfo=EASTERN)


@pytest.fixture
def sec() -> Iterator[StandInSec]:
    with StandInSec(bundled_day()) as running:
        yield running


@pytest.fixture
def client(sec: StandInSec) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sec.url, headers=AGENT) as opened:
        yield opened


@pytest.fixture
def captured(edgar_captures: Path) -> Iterator[StandInSec]:
    with StandInSec(CapturedFolder(edgar_captures)) as running:
        yield running


def test_a_request_without_a_contact_is_refused_with_the_page_for_undeclared_tools(
    sec: StandInSec,
) -> None:
    answer = httpx.get(sec.url + feed_path())
    assert answer.status_code == 403
    assert "Undeclared Automated Tool" in answer.text
    assert answer.headers["content-type"] == "text/html"


def test_the_feed_is_atom_that_feedparser_reads_without_complaint(client: httpx.Client) -> None:
    answer = client.get(feed_path())
    feed = feedparser.parse(answer.content)
    assert not feed.bozo
    assert (feed.version, feed.encoding) == ("atom10", "iso-8859-1")
    held = Feed(bundled_day().filings, eastern(22, 6, day=12)).entries
    assert len(feed.entries) == len(held)
    assert answer.headers["content-type"] == "application/atom+xml"


def line_shape(line: str) -> str:
    """A line of the feed without its values."""
    line = re.sub(r">[^<&]+<", "><", line)
    line = re.sub(r'(href|term)="[^"]*"', r'\1=""', line)
    line = re.sub(r"(&lt;/b&gt; )(\S+( [KM]B)?)", r"\1", line)
    return re.sub(r"Item .*", "Item", re.sub(r"<title>.*</title>", "<title></title>", line))


def test_the_feed_has_the_lines_of_a_captured_one(
    client: httpx.Client, edgar_captures: Path
) -> None:
    captured = (edgar_captures / FIRST_SWEEP / "start_0200.xml").read_text("latin-1").splitlines()
    ours = client.get(feed_path()).content.decode("latin-1").splitlines()
    assert [line_shape(line) for line in ours[:9]] == [line_shape(line) for line in captured[:9]]
    assert {line_shape(line) for line in ours} == {line_shape(line) for line in captured}
    assert re.sub(r"\w+, \d+ \w+ \d+ [\d:]+", "", ours[2]) == re.sub(
        r"\w+, \d+ \w+ \d+ [\d:]+", "", captured[2]
    )


def test_titles_keep_awkward_names_whole(client: httpx.Client) -> None:
    titles = [entry.title for entry in feedparser.parse(client.get(feed_path()).content).entries]
    for title in (
        "8-K - Larkspur Genomics (LKS) Inc. (0009900113) (Filer)",
        "8-K - HALLORAN - PIKE INDUSTRIES INC (0009900120) (Filer)",
        "8-K - HARTMOOR FORGE CORP /DE/ (0009900134) (Filer)",
        "8-K - Bright & Tallow Foods, Inc. (0009900148) (Filer)",
        "8-K - O'Dell Ridge Bancshares, Inc. (0009900155) (Filer)",
    ):
        assert title in titles


def test_every_party_has_an_entry_and_some_entries_repeat_exactly(client: httpx.Client) -> None:
    body = client.get(feed_path()).content.decode("latin-1")
    found = re.findall(r"<entry>.*?</entry>", body, re.DOTALL)
    roles = set(re.findall(r"\(([A-Z][a-z ]+)\)</title>", body))
    assert roles >= {"Filer", "Subject", "Filed by", "Issuer", "Reporting"}
    assert len(set(found)) < len(found)


def test_the_feed_runs_newest_first_and_shows_only_what_is_out(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.now = eastern(9, 16, 11)
    before = feedparser.parse(client.get(feed_path()).content).entries
    sec.now = eastern(9, 16, 12)
    after = feedparser.parse(client.get(feed_path()).content).entries
    assert len(after) == len(before) + 1
    assert after[0].title.startswith("424B5 - PELLHAM")
    moments = [entry.updated for entry in after]
    assert moments == sorted(moments, reverse=True)


def test_the_evening_embargo_holds_reports_back_and_lets_ownership_forms_through(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.now = eastern(21)
    evening = feedparser.parse(client.get(feed_path()).content).entries
    forms = [entry.title.split(" - ")[0] for entry in evening[:7]]
    assert forms == ["SCHEDULE 13D"] * 2 + ["SCHEDULE 13G"] * 2 + ["4"] * 2 + ["424B5"]
    sec.now = eastern(6, day=12)
    morning = feedparser.parse(client.get(feed_path()).content).entries
    appeared = [n for n, entry in enumerate(morning) if entry.id not in {e.id for e in evening}]
    assert appeared == [0, 7, 8]  # out of turn: at the place of their acceptance time


def test_the_type_parameter_is_a_prefix(client: httpx.Client) -> None:
    feed = feedparser.parse(client.get(feed_path(form="4")).content)
    assert {entry.tags[0].term for entry in feed.entries} == {"4", "424B5", "424B2", "497K"}


def test_a_page_holds_at_most_a_hundred_entries() -> None:
    with (
        StandInSec(generated_day(1, 300)) as sec,
        httpx.Client(base_url=sec.url, headers=AGENT) as client,
    ):
        assert client.get(feed_path(count=500)).content.count(b"<entry>") == 100
        assert client.get(feed_path(count=40)).content.count(b"<entry>") == 40


def test_pages_follow_on_and_may_start_anywhere(client: httpx.Client) -> None:
    whole = accessions(client.get(feed_path()).content)
    paged = [
        accession
        for start in range(0, 120, 7)
        for accession in accessions(client.get(feed_path(start, 7)).content)
    ]
    assert paged == whole


def test_entries_move_to_later_pages_when_filings_arrive_between_two_requests(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.now = eastern(12)
    first = accessions(client.get(feed_path(0, 10)).content)
    sec.now = eastern(12, 1, 30)
    second = accessions(client.get(feed_path(10, 10)).content)
    assert first[-1] == second[0]


def test_the_feed_ends_at_5100_with_the_page_that_claims_maintenance(
    client: httpx.Client, edgar_captures: Path
) -> None:
    answer = client.get(feed_path(5100))
    assert answer.status_code == 503
    assert "undergoing maintenance" in answer.text
    captured = (edgar_captures / "errors/503_getcurrent_start5100_20251212.html").read_text()
    assert re.findall(r"<title>(.*)</title>", captured) == re.findall(
        r"<title>(.*)</title>", answer.text
    )
    assert client.get(feed_path(5000)).status_code == 200


def test_a_feed_request_without_atom_gets_html(client: httpx.Client) -> None:
    answer = client.get("/cgi-bin/browse-edgar?action=getcurrent")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html"


def test_the_daily_index_appears_at_night_and_is_access_denied_before(
    sec: StandInSec, client: httpx.Client, edgar_captures: Path
) -> None:
    sec.now = eastern(22, 5, 59)
    absent = client.get(DAILY)
    assert absent.status_code == 403
    captured = (edgar_captures / "errors/403_missing_index_2099QTR1_1.xml").read_text()
    assert tags(absent.text) == tags(captured)
    sec.now = eastern(22, 6)
    assert client.get(DAILY).text.startswith("Description:           Daily Index")


def test_the_quarter_is_served_and_other_quarters_are_access_denied(client: httpx.Client) -> None:
    assert b"|2025-12-11|" in client.get("/Archives/edgar/full-index/2025/QTR4/master.idx").content
    for path in ("2025/QTR3/master.idx", "2025/QTR4/company.idx"):
        assert client.get(f"/Archives/edgar/full-index/{path}").status_code == 403


def test_a_submission_is_served_under_the_number_of_any_of_its_parties(
    client: httpx.Client,
) -> None:
    filing = next(f for f in bundled_day().filings if f.form == "SCHEDULE 13D")
    folder = filing.accession.replace("-", "")
    for party in filing.parties:
        for path in (f"{filing.accession}.txt", f"{folder}/{filing.accession}.txt"):
            answer = client.get(f"/Archives/edgar/data/{party.cik}/{path}")
            assert answer.content == filing.submission
    page = client.get(f"/Archives/edgar/data/9900234/{folder}/{filing.accession}-index.htm")
    assert filing.accession in page.text


def test_what_is_not_there_or_not_out_yet_is_no_such_key(
    sec: StandInSec, client: httpx.Client, edgar_captures: Path
) -> None:
    held = next(f for f in bundled_day().filings if f.filed_on.day == 12)
    path = f"/Archives/edgar/data/{held.parties[0].cik}/{held.accession}.txt"
    assert client.get(path).status_code == 200
    sec.now = eastern(21)
    captured = (edgar_captures / "errors/NoSuchKey_1.xml").read_text()
    for absent in (path, path.replace(str(held.parties[0].cik), "1"), path[:-5] + "9.txt"):
        answer = client.get(absent)
        assert answer.status_code == 404
        assert tags(answer.text) == tags(captured)


def tags(xml: str) -> list[str]:
    return [element.tag for element in ET.fromstring(xml.encode()).iter()]  # noqa: S314  (our own)


def test_tickers_and_prices_are_tables_of_the_days_companies(client: httpx.Client) -> None:
    listed = client.get("/files/company_tickers.json").json()
    assert listed["0"] == {
        "cik_str": 9900113,
        "ticker": "LKSG",
        "title": "Larkspur Genomics (LKS) Inc.",
    }
    prices = list(csv.DictReader(io.StringIO(client.get("/prices.csv").text)))
    assert prices[0] == {
        "symbol": "LKSG",
        "price_usd": "3.42",
        "as_of": "2025-12-11T21:00:00+00:00",
    }
    assert {row["symbol"]: row["price_usd"] for row in prices}["VLWY"] == ""


def test_prices_come_without_a_declared_contact(sec: StandInSec) -> None:
    assert httpx.get(f"{sec.url}/prices.csv").status_code == 200


def test_bodies_are_compressed_for_clients_that_take_it(client: httpx.Client) -> None:
    plain = client.get(feed_path(), headers={"Accept-Encoding": "identity"})
    packed = client.get(feed_path(), headers={"Accept-Encoding": "gzip, deflate"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content


def test_a_clock_without_a_time_zone_is_refused(sec: StandInSec) -> None:
    with pytest.raises(ValueError, match="time zone"):
        sec.now = datetime(2025, 12, 11, 9)  # noqa: DTZ001  (the point of the test)


def test_the_ledger_has_every_request_of_many_threads_once(sec: StandInSec) -> None:
    def ask(number: int) -> int:
        with httpx.Client(base_url=sec.url, headers=AGENT) as client:
            return [client.get(feed_path(number, n)).status_code for n in range(10)].count(200)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(16))) == 160
    assert len({served.target for served in sec.ledger}) == len(sec.ledger) == 160
    assert {served.user_agent for served in sec.ledger} == {AGENT["User-Agent"]}
    assert 1 <= sec.load.peak <= 8
    assert sec.load.current == 0
    assert sec.count(r"start=3&") == 10
    assert 1 <= sec.peak_requests_per_second() <= 160


def test_many_requests_share_one_connection(client: httpx.Client, sec: StandInSec) -> None:
    client.get(feed_path())
    started = time.monotonic()
    for _ in range(50):
        client.get("/files/company_tickers.json")
    assert time.monotonic() - started < 2
    assert sec.load.peak == 1


@given(st.lists(st.floats(0, 20), max_size=40))
def test_the_peak_rate_is_the_fullest_window(times_s: list[float]) -> None:
    def within(first: float) -> int:
        return sum(0 <= moment - first < 1 for moment in times_s)

    assert peak_rate(times_s) == max(map(within, times_s), default=0)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (sec_faults.rate_limited(retry_after_s=3), 429, "Rate Threshold"),
        (sec_faults.rate_limited(code=403), 403, "Rate Threshold"),
        (sec_faults.blocked(), 403, "Undeclared Automated Tool"),
        (sec_faults.unavailable(), 503, "maintenance"),
        (sec_faults.html_instead(), 200, "<html"),
        (sec_faults.missing(), 404, "NoSuchKey"),
        (status(502, b"bad gateway"), 502, "bad gateway"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
def test_a_page_comes_instead_of_the_answer_as_often_as_scripted(
    sec: StandInSec, client: httpx.Client, fault: Fault, code: int, words: str
) -> None:
    sec.faults.add(fault, match="getcurrent", times=2)
    assert client.get(DAILY).status_code == 200
    for _ in range(2):
        answer = client.get(feed_path())
        assert (answer.status_code, words in answer.text) == (code, True)
    assert client.get(feed_path()).status_code == 200
    assert not feedparser.parse(client.get(feed_path()).content).bozo
    assert [served.fault for served in sec.ledger] == ["", fault.name, fault.name, "", ""]
    assert sec.faults.pending == 0


def test_a_pause_is_asked_for_in_the_header(sec: StandInSec, client: httpx.Client) -> None:
    sec.faults.add(sec_faults.rate_limited(retry_after_s=3))
    sec.faults.add(sec_faults.unavailable())
    assert client.get(feed_path()).headers["retry-after"] == "3"
    assert "retry-after" not in client.get(feed_path()).headers


@pytest.mark.parametrize(
    "fault", [dropped(), truncated(), truncated(keep=0)], ids=lambda f: f.name
)
def test_a_connection_that_breaks_is_seen_by_the_client_and_the_next_one_works(
    sec: StandInSec, client: httpx.Client, fault: Fault
) -> None:
    sec.faults.add(fault)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(feed_path())
    assert client.get(feed_path()).status_code == 200
    assert sec.ledger.entries[0].status == (0 if fault.name == "dropped" else 200)


def test_a_slow_answer_outlasts_an_impatient_client(sec: StandInSec, client: httpx.Client) -> None:
    sec.faults.add(slow(0.3), times=2)
    with pytest.raises(httpx.ReadTimeout):
        client.get(feed_path(), timeout=0.05)
    started = time.monotonic()
    assert client.get(feed_path()).status_code == 200
    assert time.monotonic() - started >= 0.3


def test_stopping_does_not_wait_for_slow_answers() -> None:
    started = time.monotonic()
    with (
        ThreadPoolExecutor(1) as pool,
        StandInSec(bundled_day()) as sec,
    ):
        sec.faults.add(slow(60))
        asked = pool.submit(httpx.get, sec.url + feed_path(), headers=AGENT, timeout=60)
        while not sec.load.current:
            time.sleep(0.005)
        sec.stop()
        assert isinstance(asked.exception(), httpx.HTTPError)
    assert time.monotonic() - started < 5


def test_malformed_feeds_empty_indexes_and_wrong_submissions(
    sec: StandInSec, client: httpx.Client
) -> None:
    filing = bundled_day().filings[1]
    sec.faults.add(sec_faults.malformed_xml(), match="getcurrent")
    sec.faults.add(sec_faults.empty_index(), match=r"\.idx")
    sec.faults.add(sec_faults.wrong_submission(), match=r"\.txt")
    assert feedparser.parse(client.get(feed_path()).content).bozo
    index = client.get(DAILY).text
    assert index.startswith("Description:")
    assert index.endswith("-----\n")
    path = f"/Archives/edgar/data/{filing.parties[0].cik}/{filing.accession}.txt"
    assert filing.accession not in client.get(path).text
    assert filing.accession in client.get(path).text


def test_faults_are_taken_once_each_by_racing_threads() -> None:
    faults = Faults()
    faults.add(dropped(), times=100)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: faults.take("/"), range(400)))
    assert sum(fault is not None for fault in taken) == 100


def test_faults_without_a_number_last_until_they_are_cleared() -> None:
    faults = Faults()
    faults.add(dropped(), match="idx", times=None)
    assert all(faults.take("/a.idx") for _ in range(5))
    assert faults.take("/a.txt") is None
    faults.clear()
    assert faults.take("/a.idx") is None
    assert faults.pending == 0


Get = Callable[[str], httpx.Response]


@pytest.fixture
def get(captured: StandInSec) -> Iterator[Get]:
    with httpx.Client(base_url=captured.url, headers=AGENT) as client:
        yield client.get


def test_captured_pages_are_served_byte_for_byte(get: Get, edgar_captures: Path) -> None:
    for start in (0, 1200, 5000):
        page = edgar_captures / FIRST_SWEEP / f"start_{start:04d}.xml"
        assert get(feed_path(start)).content == page.read_bytes()
    assert get(feed_path(5100)).status_code == 503


def test_a_later_sweep_is_another_moment_and_ends_earlier(
    captured: StandInSec, get: Get, edgar_captures: Path
) -> None:
    captured.show("sweep_20251212T180331_all")
    page = edgar_captures / "feeds/sweep_20251212T180331_all/start_0100.xml"
    assert get(feed_path(100)).content == page.read_bytes()
    assert get(feed_path(600)).status_code == 503
    with pytest.raises(FileNotFoundError, match="no sweep"):
        captured.show("sweep_of_another_day")


def test_captured_entries_can_be_paged_and_filtered_otherwise(get: Get) -> None:
    odd = feedparser.parse(get(feed_path(150, 40)).content)
    assert len(odd.entries) == 40
    assert odd.entries[0].id == feedparser.parse(get(feed_path(100)).content).entries[50].id
    reports = feedparser.parse(get(feed_path(form="8-K")).content)
    assert {entry.tags[0].term for entry in reports.entries} == {"8-K", "8-K/A"}
    assert not reports.bozo
    assert not feedparser.parse(get(feed_path(4000, form="8-K")).content).entries


def test_captured_indexes_tickers_and_submissions_are_served_as_they_are(
    get: Get, edgar_captures: Path
) -> None:
    for path, captured in (
        ("daily-index/2024/QTR1/master.20240102.idx", "indexes/master.20240102.idx"),
        ("data/1769628/0001769628-26-000154.txt", "filings/8-K_0001769628-26-000154.txt"),
    ):
        served = get(f"/Archives/edgar/{path}").content
        assert served == (edgar_captures / captured).read_bytes()
    assert get("/Archives/edgar/daily-index/2024/QTR1/master.20240103.idx").status_code == 403
    assert get("/files/company_tickers.json").json()["0"]["ticker"] == "AAPL"


def test_an_uncaptured_submission_is_missing_unless_it_is_to_be_filled_in(
    get: Get, edgar_captures: Path
) -> None:
    path = "/Archives/edgar/data/2070457/0001213900-25-121293.txt"  # listed, not captured
    assert get(path).status_code == 404
    with (
        StandInSec(CapturedFolder(edgar_captures, fill_missing=True)) as filling,
        httpx.Client(base_url=filling.url, headers=AGENT) as client,
    ):
        text = client.get(path).text
        assert "ACCESSION NUMBER:\t\t0001213900-25-121293" in text
        assert "CONFORMED SUBMISSION TYPE:\t8-K\n" in text
        assert "\t\t\tTwenty One Capital, Inc.\n" in text
        indexed = "/Archives/edgar/data/1000275/0001140361-24-000195.txt"
        assert "TYPE:\t424B2\n" in client.get(indexed).text
        unheard_of = "/Archives/edgar/data/1/0001213900-25-999999.txt"
        assert client.get(unheard_of).status_code == 404


def test_a_market_day_has_no_sweeps_to_show(sec: StandInSec) -> None:
    with pytest.raises(TypeError, match="CapturedFolder"):
        sec.show("sweep_20251212T180331_all")


def test_a_server_that_is_not_running_has_no_address() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = StandInSec(bundled_day()).url
