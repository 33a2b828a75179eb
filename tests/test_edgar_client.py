"""The EdgarClient block against a real HTTP server on loopback."""

import contextlib
import gzip
import json
import pickle
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import edgar_clients
import pytest
from edgar_clients import WHO
from serving import running

from blocks.edgar import EdgarClient
from blocks.edgar_answers import HEAD_BYTES, AnswerKind, answer_kind, describe, retry_after_s
from blocks.edgar_index import IndexRow, UnreadableRow
from blocks.edgar_pace import RequestPace, default_limiter_path
from blocks.errors import (
    ConfigurationError,
    EdgarBlocked,
    EdgarError,
    EdgarNotFound,
    EdgarUnavailable,
    FeedUnreadable,
    IndexUnreadable,
    SubmissionUnreadable,
)
from blocks.models import Filing, FoundBy, Party
from sandbox.market_day import bundled_day
from sandbox.sec import StandInSec

ROOT = Path(__file__).resolve().parents[1]
FILING = Filing(
    accession="0001193125-25-000001",
    form="8-K",
    parties=(Party(cik=12345, name="Acme", role="Filer"),),
    found_by=FoundBy.FEED,
)
SUBMISSION = (
    b"<SEC-DOCUMENT>0001193125-25-000001.txt : 20250701\nACCESSION NUMBER:\t0001193125-25-000001\n"
    b"<DOCUMENT>\n<TYPE>8-K\n<TEXT>\nhello\n</TEXT>\n</DOCUMENT>\n</SEC-DOCUMENT>\n"
)
INDEX = (
    b"CIK|Company Name|Form Type|Date Filed|Filename\n----------\n"
    b"7|A CO|8-K|2024-01-02|edgar/data/7/0001140361-24-000195.txt\n"
)
FEED = b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"></feed>'
RATE_PAGE = b"<html><head><title>SEC.gov | Request Rate Threshold Exceeded</title></head></html>"
TOOL_PAGE = (
    b"<!DOCTYPE html><html><head><title>SEC.gov | Your Request Originates from an Undeclared"
    b" Automated Tool</title></head></html>"
)


@dataclass(frozen=True)
class Answer:
    """What the server says: ``cut`` drops the line early, ``delay_s`` is silence before.

    Without ``is_length_told`` only the closed line says that the body is over.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    delay_s: float = 0.0
    is_length_told: bool = True


@dataclass(frozen=True)
class Asked:
    """One request the server saw."""

    at: float
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


class Sec(ThreadingHTTPServer):
    """A stand-in: each path gives its scripted answers in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: dict[str, list[Answer]] = defaultdict(list)
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def says(self, path: str, *answers: Answer) -> None:
        self.script[path] = list(answers)


class Handler(BaseHTTPRequestHandler):
    """Answers from the script."""

    protocol_version = "HTTP/1.1"
    server: Sec

    def do_GET(self) -> None:
        at = time.monotonic()
        target = urlsplit(self.path)
        self.server.asked.append(
            Asked(at, target.path, parse_qs(target.query), dict(self.headers))
        )
        answers = self.server.script[target.path] or [Answer(status=404)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        time.sleep(answer.delay_s)
        self.close_connection = answer.cut or not answer.is_length_told
        with contextlib.suppress(OSError):  # the client may have given up
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.is_length_told:
                self.send_header("Content-Length", str(len(answer.body) + 10 * answer.cut))
            self.end_headers()
            self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's signature
        """Keep the test output quiet."""


made = partial(edgar_clients.made, timeout_s=5, max_attempts=3)


@pytest.fixture
def sec() -> Iterator[Sec]:
    with running(Sec()) as server:
        yield server


@pytest.fixture
def client(sec: Sec, tmp_path: Path) -> Iterator[EdgarClient]:
    with contextlib.closing(made(sec, tmp_path)) as made_client:
        yield made_client


SOON = {"Retry-After": "0"}
MOVED = Answer(status=301, headers={"Location": "/there"})
TXT = FILING.submission_path
DAY = date(2024, 1, 2)
DAILY = "/Archives/edgar/daily-index/2024/QTR1/master.20240102.idx"


def test_a_feed_page_is_asked_for_as_edgar_wants_it(sec: Sec, client: EdgarClient) -> None:
    sec.says("/cgi-bin/browse-edgar", Answer(FEED))
    page = client.feed_page(200)
    assert (page.entries, page.is_last) == (0, True)
    (asked,) = sec.asked
    assert {name: values[0] for name, values in asked.query.items()} == {
        "action": "getcurrent",
        "owner": "include",
        "start": "200",
        "count": "100",
        "output": "atom",
    }
    assert asked.headers["User-Agent"] == WHO
    assert asked.headers["Accept-Encoding"] == "gzip"


def test_a_captured_page_is_served_and_read(
    sec: Sec, client: EdgarClient, edgar_captures: Path
) -> None:
    page = edgar_captures / "feeds" / "sweep_20251212T180234_all" / "start_0100.xml"
    sec.says("/cgi-bin/browse-edgar", Answer(page.read_bytes()))
    found = client.feed_page(100)
    assert found.entries == 100
    assert not found.is_last


def test_past_the_end_of_the_feed_nothing_is_asked(sec: Sec, client: EdgarClient) -> None:
    page = client.feed_page(5100)
    assert (page.filings, page.entries, page.is_last) == ((), 0, True)
    assert sec.asked == []


def test_a_submission_is_read_whole(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(SUBMISSION))
    found = client.submission(FILING)
    assert found.complete
    assert found.documents[0].body == "\nhello\n"


def test_a_submission_is_cut_at_the_cap(sec: Sec, tmp_path: Path) -> None:
    long = SUBMISSION.replace(b"hello", b"hello " * 500_000)
    sec.says(TXT, Answer(long))
    with contextlib.closing(made(sec, tmp_path, max_submission_bytes=2048)) as client:
        found = client.submission(FILING)
    assert not found.complete
    assert 1500 < len(found.documents[0].body) < 2048


def test_a_compressed_bomb_is_cut_at_the_cap(sec: Sec, tmp_path: Path) -> None:
    bomb = gzip.compress(SUBMISSION.replace(b"hello", b"A" * 50_000_000))
    assert len(bomb) < 60_000
    sec.says(TXT, Answer(bomb, headers={"Content-Encoding": "gzip"}))
    with contextlib.closing(made(sec, tmp_path, max_submission_bytes=100_000)) as client:
        assert len(client.submission(FILING).documents[0].body) < 100_000


def test_a_spoilt_compression_is_tried_again(sec: Sec, client: EdgarClient) -> None:
    spoilt = gzip.compress(SUBMISSION)[:-30] + bytes(30)
    zipped = {"Content-Encoding": "gzip"}
    sec.says(
        TXT, Answer(spoilt, headers=zipped), Answer(gzip.compress(SUBMISSION), headers=zipped)
    )
    assert client.submission(FILING).complete
    assert len(sec.asked) == 2


def test_a_compressed_index_that_is_cut_where_the_line_closes_is_asked_for_again(
    sec: Sec, client: EdgarClient
) -> None:
    whole = INDEX + b"".join(INDEX.splitlines(keepends=True)[2:] * 500)
    zipped = gzip.compress(whole)
    untold = {"Content-Encoding": "gzip", "ETag": '"one"'}
    sec.says(
        DAILY,
        Answer(zipped[: len(zipped) // 2], headers=untold, is_length_told=False),
        Answer(zipped, headers=untold, is_length_told=False),
    )
    assert len(client.daily_index(DAY).filings) == 1
    assert len(sec.asked) == 2


def test_a_bomb_in_a_bomb_is_not_opened(sec: Sec, client: EdgarClient) -> None:
    twice = gzip.compress(gzip.compress(SUBMISSION))
    sec.says(TXT, Answer(twice, headers={"Content-Encoding": "gzip, gzip"}))
    with pytest.raises(EdgarError, match="compressed an answer as"):
        client.submission(FILING)


def test_a_missing_submission_is_not_found(sec: Sec, client: EdgarClient) -> None:
    with pytest.raises(EdgarNotFound, match=TXT):
        client.submission(FILING)
    assert len(sec.asked) == 1


def test_an_error_saved_as_a_filing_is_unreadable(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(b"<Error><Code>NoSuchKey</Code></Error>"))
    with pytest.raises(SubmissionUnreadable, match="storage error NoSuchKey"):
        client.submission(FILING)


def test_a_daily_index_is_read(sec: Sec, client: EdgarClient) -> None:
    sec.says(DAILY, Answer(gzip.compress(INDEX), headers={"Content-Encoding": "gzip"}))
    found = client.daily_index(DAY)
    assert [filing.accession for filing in found.filings] == ["0001140361-24-000195"]
    assert found.unreadable == ()


def test_a_spoilt_row_of_a_daily_index_is_told_beside_the_filings(
    sec: Sec, client: EdgarClient
) -> None:
    sec.says(DAILY, Answer(INDEX + b"spoilt\n"))
    found = client.daily_index(DAY)
    assert len(found.filings) == 1
    assert found.unreadable == ("line 4: 'spoilt'",)


def test_a_day_without_index_is_not_found_though_edgar_says_403(
    sec: Sec, client: EdgarClient, edgar_captures: Path
) -> None:
    page = edgar_captures / "errors" / "403_missing_index_2099QTR1_1.xml"
    sec.says(DAILY, Answer(page.read_bytes(), status=403))
    with pytest.raises(EdgarNotFound, match=r"master\.20240102\.idx"):
        client.daily_index(DAY)
    assert len(sec.asked) == 1


def test_a_quarter_is_asked_for_with_its_first_row(sec: Sec, client: EdgarClient) -> None:
    sec.says("/Archives/edgar/full-index/2024/QTR1/master.idx", Answer(INDEX + b"spoilt\n"))
    rows = client.quarterly_index(2024, 1)
    assert sec.asked == []
    assert list(rows) == [
        IndexRow("0001140361-24-000195", 7, "A CO", "8-K", DAY),
        UnreadableRow(4, "spoilt"),
    ]
    with pytest.raises(EdgarNotFound):
        next(client.quarterly_index(2024, 2))


def test_tickers_are_read(sec: Sec, client: EdgarClient) -> None:
    listed = {"0": {"cik_str": 7, "ticker": "DAIC ", "title": "A CO"}}
    sec.says("/files/company_tickers.json", Answer(json.dumps(listed).encode()))
    assert client.tickers().to_dict("records") == [{"cik": 7, "ticker": "DAIC", "name": "A CO"}]


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda client: client.feed_page(0), FeedUnreadable),
        (lambda client: client.daily_index(DAY), IndexUnreadable),
        (lambda client: client.submission(FILING), SubmissionUnreadable),
        (lambda client: client.tickers(), IndexUnreadable),
    ],
)
def test_a_web_page_with_status_200_is_named(
    sec: Sec, client: EdgarClient, ask: Callable[[EdgarClient], object], error: type[EdgarError]
) -> None:
    page = Answer(b"<html><head><title>SEC.gov | Company</title></head></html>")
    for path in (TXT, DAILY, "/cgi-bin/browse-edgar", "/files/company_tickers.json"):
        sec.says(path, page)
    with pytest.raises(error, match=r"a web page titled 'SEC.gov \| Company'"):
        ask(client)


def ends_in(error: EdgarBlocked, wait_s: float) -> bool:
    """Whether requests are held back for so long from now, give or take the test's own time."""
    assert error.until is not None
    return wait_s - 10 < (error.until - datetime.now(UTC)).total_seconds() <= wait_s


@pytest.mark.parametrize("page", [RATE_PAGE, TOOL_PAGE])
@pytest.mark.parametrize("status", [200, 403, 429, 503])
def test_a_block_page_stops_at_once_whatever_its_status(
    sec: Sec, client: EdgarClient, page: bytes, status: int
) -> None:
    sec.says(TXT, Answer(page, status=status, headers=SOON))
    with pytest.raises(EdgarBlocked, match=r"No request leaves before .* E[SD]T") as raised:
        client.submission(FILING)
    assert len(sec.asked) == 1
    assert ends_in(raised.value, 600)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "body", [b"", b"Forbidden", b'{"message": "denied"}', b"<Error>no code</Error>"]
)
def test_a_refusal_that_is_no_web_page_concerns_one_file_and_is_not_asked_again(
    sec: Sec, client: EdgarClient, body: bytes, status: int
) -> None:
    sec.says(TXT, Answer(body, status=status))
    with pytest.raises(EdgarError, match=f"answered {status} to {TXT}") as raised:
        client.submission(FILING)
    assert not isinstance(raised.value, EdgarBlocked | EdgarNotFound | EdgarUnavailable)
    assert len(sec.asked) == 1


def test_a_403_with_any_web_page_is_a_block_and_is_not_asked_again(
    sec: Sec, client: EdgarClient
) -> None:
    page = b"<HTML><HEAD>\n<TITLE>Access Denied</TITLE></HEAD>Reference #18.1</HTML>"
    sec.says(TXT, Answer(page, status=403))
    with pytest.raises(EdgarBlocked, match="Access Denied"):
        client.submission(FILING)
    assert len(sec.asked) == 1


def test_captured_error_pages_are_recognised_whatever_their_status(edgar_captures: Path) -> None:
    expected = {
        "rate_threshold_exceeded.html": (AnswerKind.BLOCKED, [200, 403, 429, 503]),
        "403_undeclared_automated_tool.html": (AnswerKind.BLOCKED, [200, 403]),
        "403_missing_index_2099QTR1_1.xml": (AnswerKind.NOT_FOUND, [403]),
        "403_missing_index_2099QTR1_2.xml": (AnswerKind.NOT_FOUND, [403]),
        "404_submissions_bad_cik_20260305.xml": (AnswerKind.NOT_FOUND, [404]),
        "NoSuchKey_1.xml": (AnswerKind.NOT_FOUND, [403, 404]),
        "503_getcurrent_start5100_20251212.html": (AnswerKind.PASSING, [503]),
        "200_no_matching_company.html": (AnswerKind.GOOD, [200]),
    }
    pages = [page.name for page in (edgar_captures / "errors").glob("*.*ml")]
    assert sorted(pages) == sorted(expected)
    for name, (kind, statuses) in expected.items():
        body = (edgar_captures / "errors" / name).read_bytes()
        for status in statuses:
            assert answer_kind(status, body[:HEAD_BYTES]) is kind, name
        assert describe(body).startswith(("a web page titled", "storage error")), name


def test_a_filing_that_talks_of_a_block_page_is_no_block_page() -> None:
    body = SUBMISSION.replace(b"hello", RATE_PAGE)
    assert answer_kind(200, body) is AnswerKind.GOOD


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_overloaded_server_is_asked_again(sec: Sec, client: EdgarClient, status: int) -> None:
    sec.says(TXT, Answer(b"busy", status=status, headers=SOON), Answer(SUBMISSION))
    assert client.submission(FILING).complete
    assert len(sec.asked) == 2


def test_what_a_failed_attempt_left_is_not_kept(sec: Sec, client: EdgarClient) -> None:
    busy = Answer(SUBMISSION * 3, status=503, headers=SOON)
    sec.says(TXT, busy, Answer(SUBMISSION))
    assert len(client.submission(FILING).documents) == 1


def test_the_wait_a_server_asks_for_is_kept(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(status=429, headers={"Retry-After": "1"}), Answer(SUBMISSION))
    assert client.submission(FILING).complete
    first, second = sec.asked
    assert 1.0 <= second.at - first.at < 3.0


def test_a_wait_longer_than_a_run_should_last_ends_it_and_is_kept_for_the_next(
    sec: Sec, client: EdgarClient
) -> None:
    sec.says(TXT, Answer(status=503, headers={"Retry-After": "3600"}))
    for _ in range(2):
        with pytest.raises(EdgarBlocked, match=r"3600 s.*run again after that") as raised:
            client.submission(FILING)
        assert ends_in(raised.value, 3600)
    assert len(sec.asked) == 1


def test_when_attempts_are_used_up_the_message_says_what_happened(
    sec: Sec, client: EdgarClient
) -> None:
    sec.says(TXT, Answer(b"<html><title>SEC.gov | Oops</title>", status=503, headers=SOON))
    with pytest.raises(
        EdgarUnavailable, match=r"3 attempt.*503 .*Oops.*run again later"
    ) as raised:
        client.submission(FILING)
    assert raised.value.subject == TXT
    assert len(sec.asked) == 3


def test_a_dropped_connection_is_tried_again(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(SUBMISSION[:80], cut=True), Answer(SUBMISSION))
    assert client.submission(FILING).complete
    assert len(sec.asked) == 2


def test_an_attempt_that_broke_off_leaves_no_document_behind(
    sec: Sec, client: EdgarClient
) -> None:
    long = SUBMISSION.replace(b"hello", b"hello " * 5_000)
    sec.says(TXT, Answer(long[:-20], cut=True), Answer(long))
    found = client.submission(FILING)
    assert found.complete
    assert len(found.documents) == 1


def test_a_block_page_longer_than_its_beginning_is_one(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(RATE_PAGE + b" " * 3 * HEAD_BYTES))
    with pytest.raises(EdgarBlocked):
        client.submission(FILING)


def test_a_silent_server_is_given_up_after_its_attempts(sec: Sec, tmp_path: Path) -> None:
    sec.says(TXT, Answer(SUBMISSION, delay_s=0.6))
    hasty = made(sec, tmp_path, timeout_s=0.2, max_attempts=2)
    with contextlib.closing(hasty), pytest.raises(EdgarUnavailable, match="2 attempt"):
        hasty.submission(FILING)
    assert len(sec.asked) == 2


def test_a_server_that_is_not_there_is_unavailable(sec: Sec, tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"  # the discard port
    lonely = made(sec, tmp_path, base_url=nobody, max_attempts=1)
    with contextlib.closing(lonely), pytest.raises(EdgarUnavailable, match="1 attempt"):
        lonely.tickers()


def test_an_odd_refusal_is_not_asked_again(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(b"what?", status=400))
    with pytest.raises(EdgarError, match="answered 400"):
        client.submission(FILING)
    assert len(sec.asked) == 1


@pytest.mark.parametrize("where", ["https://evil.example/x", "//evil.example/x", "http://[::1]/x"])
def test_a_redirect_to_another_host_is_refused_unasked(
    sec: Sec, client: EdgarClient, where: str
) -> None:
    sec.says(TXT, Answer(status=302, headers={"Location": where}))
    with pytest.raises(EdgarError, match=r"redirected .* not the configured host"):
        client.submission(FILING)
    assert len(sec.asked) == 1


def test_a_redirect_to_another_port_is_another_host(sec: Sec, client: EdgarClient) -> None:
    with Sec() as other:
        sec.says(TXT, Answer(status=302, headers={"Location": f"{other.url}/x"}))
        with pytest.raises(EdgarError, match="not the configured host"):
            client.submission(FILING)


def test_a_redirect_within_the_host_is_followed_but_not_for_ever(
    sec: Sec, client: EdgarClient
) -> None:
    sec.says(TXT, Answer(status=301, headers={"Location": "/there"}))
    sec.says("/there", Answer(SUBMISSION))
    assert client.submission(FILING).complete
    sec.says("/there", Answer(status=301, headers={"Location": "/there"}))
    with pytest.raises(EdgarError, match="redirected more than 3 times"):
        client.submission(FILING)


def test_every_request_that_left_is_counted(sec: Sec, client: EdgarClient) -> None:
    assert client.requests_sent == 0
    sec.says(TXT, Answer(status=503, headers=SOON), Answer(SUBMISSION[:80], cut=True), MOVED)
    sec.says("/there", Answer(SUBMISSION))
    client.submission(FILING)
    assert client.requests_sent == len(sec.asked) == 4
    tagged = {"ETag": '"one"'}
    sec.says(DAILY, Answer(INDEX, headers=tagged), Answer(status=304, headers=tagged))
    for _ in range(2):
        client.daily_index(DAY)
    client.close()
    with pytest.raises(EdgarNotFound):
        client.tickers()
    assert client.requests_sent == len(sec.asked) == 7


def test_a_request_that_is_held_back_or_finds_no_server_is_not_counted(
    sec: Sec, client: EdgarClient, tmp_path: Path
) -> None:
    sec.says(TXT, Answer(RATE_PAGE))
    for _ in range(3):
        with pytest.raises(EdgarBlocked):
            client.submission(FILING)
    assert client.requests_sent == 1
    lonely = made(sec, tmp_path, base_url="http://127.0.0.1:9", max_attempts=1)
    with contextlib.closing(lonely), pytest.raises(EdgarUnavailable):
        lonely.tickers()
    assert lonely.requests_sent == 0


def test_requests_of_many_threads_are_all_counted_and_those_of_another_client_are_not(
    sec: Sec, client: EdgarClient, tmp_path: Path
) -> None:
    client._session._pace.wait = lambda: None  # type: ignore[method-assign]  # many requests
    sec.says(TXT, Answer(SUBMISSION))
    with contextlib.closing(made(sec, tmp_path)) as other, ThreadPoolExecutor(8) as pool:
        other.submission(FILING)
        list(pool.map(client.submission, [FILING] * 80))
        assert (client.requests_sent, other.requests_sent) == (80, 1)


def test_connections_are_kept_and_closed(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(SUBMISSION))
    client.submission(FILING)
    client.close()
    assert client.submission(FILING).complete


def test_a_block_can_be_pickled_and_used_again(sec: Sec, client: EdgarClient) -> None:
    sec.says(TXT, Answer(SUBMISSION))
    client.submission(FILING)
    with contextlib.closing(pickle.loads(pickle.dumps(client))) as again:  # noqa: S301 - our own
        assert again.submission(FILING).complete


@pytest.mark.parametrize("fields", [{}, {"user_agent": ""}])
def test_without_a_user_agent_the_remedy_is_said(fields: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"missing.*AdminContact@sample\.com"):
        EdgarClient(**fields)


@pytest.mark.parametrize("who", ["My Company", "me@home", "Me me@ho.me\r\nX: y", "Mé me@ho.me"])
def test_a_user_agent_that_gives_no_contact_is_refused(who: str) -> None:
    with pytest.raises(ConfigurationError, match="user_agent") as raised:
        EdgarClient(user_agent=who)
    assert raised.value.subject == "user_agent"


@pytest.mark.parametrize(
    "url", ["", "sec.gov", "ftp://sec.gov", "https://sec.gov/x", "https://a@sec.gov", "http://"]
)
def test_a_base_url_that_is_no_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        EdgarClient(user_agent=WHO, base_url=url)


@pytest.mark.parametrize("rate", [0, -1, 8.1, 100])
def test_no_more_than_eight_requests_a_second_can_be_set(rate: float) -> None:
    with pytest.raises(ValueError, match="max_requests_per_s"):
        EdgarClient(user_agent=WHO, max_requests_per_s=rate)


def test_every_field_says_what_it_is_for() -> None:
    fields = EdgarClient.model_json_schema()["properties"]
    assert all(fields[name].get("description") for name in EdgarClient.model_fields)
    assert EdgarClient(user_agent=WHO).base_url == "https://www.sec.gov"
    assert default_limiter_path() == default_limiter_path()


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("soon", None),
        ("-1", None),
        ("Fri, 12 Dec 2025 23:00:30 GMT", 30.0),
        ("Fri, 12 Dec 2025 22:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, wait_s: float | None) -> None:
    assert retry_after_s(header, datetime(2025, 12, 12, 23, 0, tzinfo=UTC)) == wait_s


POLL_FROM_FOUR_THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from blocks.edgar import EdgarClient

who, url, limit = sys.argv[1:]
client = EdgarClient(user_agent=who, base_url=url, limiter_path=limit)
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(4) as pool:
    pages = list(pool.map(client.feed_page, [0, 100] * 6))
client.close()
print(min(len(page.filings) for page in pages[::2]))
"""


def test_two_processes_that_poll_the_feed_stay_under_eight_a_second_together(
    tmp_path: Path,
) -> None:
    with StandInSec(bundled_day()) as sec:
        both = [
            subprocess.Popen(  # noqa: S603 - our own text
                [
                    *(sys.executable, "-c", POLL_FROM_FOUR_THREADS),
                    *(f"{who} {WHO}", sec.url, str(tmp_path / "limit")),
                ],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for who in ("one", "two")
        ]
        for process in both:  # both have imported everything and wait
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in both:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        filings = [int(process.communicate(timeout=60)[0]) for process in both]
    assert min(filings) > 0, "they read real pages"
    askers = [served.user_agent[:3] for served in sec.ledger]
    assert sorted(askers) == ["one"] * 12 + ["two"] * 12
    assert askers not in (sorted(askers), sorted(askers, reverse=True)), "not at one time"
    assert sec.peak_requests_per_second() <= 8


def test_turns_come_one_by_one_and_never_as_a_burst(tmp_path: Path) -> None:
    pace = RequestPace(tmp_path / "limit", "sec.example", 8)
    began = time.monotonic()
    for turns in range(6):
        pace.wait()
        assert time.monotonic() - began >= turns / 8


def test_another_server_has_a_limit_of_its_own(tmp_path: Path) -> None:
    began = time.monotonic()
    for server in ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"):
        RequestPace(tmp_path / "limit", server, 0.5).wait()
    assert time.monotonic() - began < 1.0


def test_a_clock_set_back_does_not_stop_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = RequestPace(tmp_path / "limit", "sec.example", 8)
    with monkeypatch.context() as patched:
        an_hour_ahead = time.time_ns() + 3600 * 10**9
        patched.setattr(time, "time_ns", lambda: an_hour_ahead)
        pace.wait()
    began = time.monotonic()
    pace.wait()
    assert 0.1 < time.monotonic() - began < 1.0


@pytest.mark.parametrize("name", ["damaged", "damaged/below"])
def test_a_limit_file_that_cannot_be_used_is_named(sec: Sec, tmp_path: Path, name: str) -> None:
    (tmp_path / "damaged").write_bytes(b"no database at all, but long enough to look at" * 100)
    client = made(sec, tmp_path, limiter_path=tmp_path / name)
    with pytest.raises(ConfigurationError, match=f"{tmp_path / name}.*limiter_path"):
        client.tickers()
    assert sec.asked == []


def test_closing_the_client_lets_go_of_the_request_limits_file(tmp_path: Path) -> None:
    """An open SQLite connection that is forgotten is a warning, and a leak, at every run's end."""
    pace = RequestPace(tmp_path / "requests.sqlite", "127.0.0.1", 8)
    pace.wait()
    pace.close()
    assert pace._bucket is None
    pace.wait()
    pace.close()
