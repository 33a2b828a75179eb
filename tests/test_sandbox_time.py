"""The stand-in's own time over real HTTP: a clock that moves, blocks and outages that pass."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import feedparser
import httpx
import pytest
from sec_requests import AGENT, accessions, feed_path

from sandbox import sec_faults
from sandbox.captures import CapturedFolder
from sandbox.dissemination import EASTERN
from sandbox.market_week import generated_week
from sandbox.paging import Feed, Quirks
from sandbox.sec import StandInSec

WEEK = generated_week(6, date(2025, 10, 30))  # daylight saving ends on November 2
MONDAY_NOON = datetime(2025, 11, 3, 12, tzinfo=EASTERN)
MINUTE = timedelta(minutes=1)
TICKERS = "/files/company_tickers.json"
DAILY = "/Archives/edgar/daily-index/2025/QTR4/master.20251031.idx"


@pytest.fixture
def sec() -> Iterator[StandInSec]:
    with StandInSec(WEEK) as running:
        running.now = MONDAY_NOON
        yield running


@pytest.fixture
def client(sec: StandInSec) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sec.url, headers=AGENT) as opened:
        yield opened


def test_a_week_is_served_up_to_the_moment_and_to_the_end_by_itself(client: httpx.Client) -> None:
    served = accessions(client.get(feed_path()).content)
    assert served == [e.filing.accession for e in Feed(WEEK.filings, MONDAY_NOON).page(0)]
    assert StandInSec(WEEK).now == datetime(2025, 11, 6, 22, 6, tzinfo=EASTERN)


def test_ten_polls_live_through_ten_minutes(sec: StandInSec, client: httpx.Client) -> None:
    sec.clock.tick = MINUTE
    heads = []
    for _ in range(10):
        heads.append(feedparser.parse(client.get(feed_path()).content).feed.updated)
        client.get(feed_path(start=100))
        client.get(TICKERS)
    assert sec.now == MONDAY_NOON + 10 * MINUTE
    assert (heads[0], heads[-1]) == ("2025-11-03T12:01:00-05:00", "2025-11-03T12:10:00-05:00")
    assert [served.now for served in sec.ledger][:3] == [MONDAY_NOON + MINUTE] * 3


def test_a_page_tick_lets_filings_arrive_between_two_pages(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.clock.page_tick = timedelta(minutes=90)
    pages = [accessions(client.get(feed_path(start, 20)).content) for start in (0, 20, 40)]
    assert sec.now == MONDAY_NOON + timedelta(hours=3)
    assert set(pages[0]) & set(pages[1])
    assert set(pages[1]) & set(pages[2])


def test_the_clock_goes_on_when_daylight_saving_ends(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.now = datetime(2025, 11, 2, 1, 59, 30, tzinfo=EASTERN)
    sec.clock.tick = MINUTE
    client.get(feed_path())
    assert sec.now == datetime(2025, 11, 2, 6, 0, 30, tzinfo=UTC)  # 01:00:30 for the second time


def test_quirks_are_served_and_a_stale_page_says_of_when_it_is(
    sec: StandInSec, client: httpx.Client
) -> None:
    quirks = Quirks(stale_share=1, stale_by=timedelta(hours=2), shuffled=True)
    sec.misbehave(quirks)
    body = client.get(feed_path()).content
    page = Feed(WEEK.filings, MONDAY_NOON, quirks).page(0)
    assert accessions(body) == [entry.filing.accession for entry in page]
    assert feedparser.parse(body).feed.updated == "2025-11-03T10:00:00-05:00"
    sec.misbehave(Quirks())
    assert feedparser.parse(client.get(feed_path()).content).feed.updated.startswith(
        "2025-11-03T12:00"
    )


def test_captured_pages_have_no_quirks(edgar_captures: object) -> None:
    sec = StandInSec(CapturedFolder(str(edgar_captures)))
    with pytest.raises(TypeError, match="only a market's feed"):
        sec.misbehave(Quirks())


def test_a_block_meets_every_request_for_ten_minutes(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.block_for()
    for path in (feed_path(), TICKERS, DAILY):
        answer = client.get(path)
        assert (answer.status_code, "Rate Threshold" in answer.text) == (429, True)
    assert sec.met("block") == 3
    sec.now = MONDAY_NOON + 10 * MINUTE
    assert client.get(feed_path()).status_code == 200
    assert sec.met("block") == 3


def test_whoever_asks_during_a_block_is_blocked_for_ten_minutes_from_then(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.block_for(10)
    sec.now = MONDAY_NOON + 9 * MINUTE
    assert client.get(feed_path()).status_code == 429
    assert sec.blocked_until == MONDAY_NOON + 19 * MINUTE
    sec.now = MONDAY_NOON + 18 * MINUTE
    assert client.get(feed_path()).status_code == 429
    sec.now = MONDAY_NOON + 28 * MINUTE
    assert client.get(feed_path()).status_code == 200


def test_asking_does_not_shorten_a_longer_block(sec: StandInSec, client: httpx.Client) -> None:
    sec.block_for(minutes=60)
    client.get(feed_path())
    assert sec.blocked_until == MONDAY_NOON + 60 * MINUTE


def test_a_block_has_not_begun_before_its_beginning(sec: StandInSec, client: httpx.Client) -> None:
    assert sec.blocked_until is None
    sec.block_for()
    sec.now = MONDAY_NOON - MINUTE
    assert client.get(feed_path()).status_code == 200


def test_an_outage_drops_every_connection_in_its_window_only(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.outage(MONDAY_NOON, MONDAY_NOON + 30 * MINUTE)
    for after, up in ((-1, True), (0, False), (29, False), (30, True)):
        sec.now = MONDAY_NOON + after * MINUTE
        if up:
            assert client.get(feed_path()).status_code == 200
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(feed_path())
    assert sec.met("outage") == 2
    assert [served.status for served in sec.ledger] == [200, 0, 0, 200]


def test_an_outage_that_ends_before_it_starts_is_refused(sec: StandInSec) -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        sec.outage(MONDAY_NOON, MONDAY_NOON)


def test_the_price_vendor_knows_nothing_of_blocks_and_outages(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.outage(MONDAY_NOON, MONDAY_NOON + MINUTE)
    sec.block_for()
    prices = client.get("/prices.csv")
    assert prices.status_code == 200
    assert "2025-10-31T20:00:00+00:00" in prices.text  # Friday's close


def test_scripted_faults_wait_for_the_end_of_a_block(
    sec: StandInSec, client: httpx.Client
) -> None:
    sec.faults.add(sec_faults.unavailable())
    sec.block_for()
    assert client.get(feed_path()).status_code == 429
    sec.now = MONDAY_NOON + 10 * MINUTE
    assert client.get(feed_path()).status_code == 503
