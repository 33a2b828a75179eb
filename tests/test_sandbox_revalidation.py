"""Conditional requests at the stand-in sec.gov: 304 for what the client has."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sec_requests import AGENT, feed_path

from sandbox import sec_faults
from sandbox.captures import CapturedFolder
from sandbox.dissemination import EASTERN
from sandbox.market_week import generated_week
from sandbox.sec import StandInSec

WEEK = generated_week(8, date(2026, 3, 2), business_days=2, filings_a_day=10)
TUESDAY_NIGHT = datetime(2026, 3, 3, 23, tzinfo=EASTERN)
DAILY = "/Archives/edgar/daily-index/2026/QTR1/master.20260302.idx"
QUARTER = "/Archives/edgar/full-index/2026/QTR1/master.idx"
TICKERS = "/files/company_tickers.json"
DAILY_MADE_AT = datetime(2026, 3, 2, 22, 6, tzinfo=EASTERN)


@pytest.fixture
def sec() -> Iterator[StandInSec]:
    with StandInSec(WEEK) as running:
        running.now = TUESDAY_NIGHT
        yield running


@pytest.fixture
def client(sec: StandInSec) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sec.url, headers=AGENT) as opened:
        yield opened


@pytest.mark.parametrize("path", [DAILY, QUARTER, TICKERS])
def test_what_the_client_has_is_not_sent_again(
    sec: StandInSec, client: httpx.Client, path: str
) -> None:
    first = client.get(path)
    for name, value in (
        ("If-None-Match", first.headers["etag"]),
        ("If-Modified-Since", first.headers["last-modified"]),
    ):
        again = client.get(path, headers={name: value})
        assert (again.status_code, again.content) == (304, b"")
        assert "content-length" not in again.headers
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["last-modified"] == first.headers["last-modified"]
    assert client.get(path).content == first.content
    assert [served.status for served in sec.ledger] == [200, 304, 304, 200]


def test_an_index_is_dated_by_when_it_was_made(client: httpx.Client) -> None:
    headers = client.get(DAILY).headers
    assert headers["last-modified"] == "Tue, 03 Mar 2026 03:06:00 GMT"
    assert headers["etag"].endswith(f':{DAILY_MADE_AT.timestamp():.0f}"')


def test_a_late_index_is_dated_by_when_it_was_made() -> None:
    late = replace(WEEK, late_indexes={date(2026, 3, 2): TUESDAY_NIGHT})
    with StandInSec(late) as sec, httpx.Client(base_url=sec.url, headers=AGENT) as client:
        assert client.get(DAILY).headers["last-modified"] == "Wed, 04 Mar 2026 04:00:00 GMT"


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", W/{tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
    ],
)
def test_tags_are_compared_weakly(client: httpx.Client, tags: str, status: int) -> None:
    tag = client.get(DAILY).headers["etag"]
    asked = client.get(DAILY, headers={"If-None-Match": tags.format(tag=tag)})
    assert asked.status_code == status


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Tue, 03 Mar 2026 03:06:00 GMT", 304),
        ("Tue, 03 Mar 2026 03:05:59 GMT", 200),
        ("Wed, 04 Mar 2026 00:00:00 GMT", 304),
        ("Mon, 02 Mar 2026 22:06:00 -0500", 304),
        ("yesterday", 200),
    ],
)
def test_dates_are_compared_to_the_second(client: httpx.Client, since: str, status: int) -> None:
    assert client.get(DAILY, headers={"If-Modified-Since": since}).status_code == status


def test_a_tag_counts_before_a_date(client: httpx.Client) -> None:
    dated = client.get(DAILY).headers["last-modified"]
    asked = {"If-None-Match": '"other"', "If-Modified-Since": dated}
    assert client.get(DAILY, headers=asked).status_code == 200


def test_a_file_that_has_grown_is_sent_whole_under_a_new_tag(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.now = TUESDAY_NIGHT - timedelta(days=1)
    monday = client.get(QUARTER)
    sec.now = TUESDAY_NIGHT
    tuesday = client.get(QUARTER, headers={"If-None-Match": monday.headers["etag"]})
    assert tuesday.status_code == 200
    assert len(tuesday.content) > len(monday.content)
    assert tuesday.headers["etag"] != monday.headers["etag"]


def test_a_spoilt_file_has_a_tag_of_its_own(sec: StandInSec, client: httpx.Client) -> None:
    sec.faults.add(sec_faults.empty_index())
    spoilt = client.get(DAILY)
    sound = client.get(DAILY, headers={"If-None-Match": spoilt.headers["etag"]})
    assert sound.status_code == 200
    assert len(sound.content) > len(spoilt.content)


def test_feeds_submissions_and_errors_carry_no_tag(client: httpx.Client) -> None:
    filing = WEEK.filings[0]
    submission = f"/Archives/edgar/data/{filing.parties[0].cik}/{filing.accession}.txt"
    missing = DAILY.replace("20260302", "20260301")
    for path in (feed_path(), submission, missing):
        answer = client.get(path, headers={"If-None-Match": "*"})
        assert answer.status_code in {200, 403}
        assert "etag" not in answer.headers


def test_captured_indexes_and_tickers_are_not_sent_again_either(edgar_captures: Path) -> None:
    with (
        StandInSec(CapturedFolder(edgar_captures)) as sec,
        httpx.Client(base_url=sec.url, headers=AGENT) as client,
    ):
        for path in ("/Archives/edgar/daily-index/2024/QTR1/master.20240102.idx", TICKERS):
            tag = client.get(path).headers["etag"]
            assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
