"""Bodies that are made while they are sent, and how much of them left."""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from sec_requests import AGENT
from submission_text import read_submission

from sandbox import sec_faults
from sandbox.faults import Fault
from sandbox.loopback import Response, Stream
from sandbox.market_day import bundled_day
from sandbox.sec import StandInSec

MEGABYTE = 1_000_000
FILING = bundled_day().filings[1]
PATH = f"/Archives/edgar/data/{FILING.parties[0].cik}/{FILING.accession}.txt"


@pytest.fixture
def sec() -> Iterator[StandInSec]:
    with StandInSec(bundled_day()) as running:
        yield running


def streamed(stream: Stream) -> Fault:
    return Fault("streamed", lambda _: Response(stream=stream), replaces=True)


@pytest.mark.parametrize("length_bytes", [None, 9])
def test_a_stream_arrives_whole_and_the_connection_lives_on(
    sec: StandInSec, length_bytes: int | None
) -> None:
    sec.faults.add(streamed(Stream([b"one", b"", b"two", b"six"], length_bytes)))
    with httpx.Client(base_url=sec.url, headers=AGENT) as client:
        answer = client.get(PATH)
        assert answer.content == b"onetwosix"
        assert answer.headers.get("content-length") == (length_bytes and str(length_bytes))
        assert client.get(PATH).content == FILING.submission
    assert sec.streamed_bytes.entries == (9,)


def test_what_left_is_counted_up_to_where_the_client_hung_up(sec: StandInSec) -> None:
    endless = itertools.repeat(b"x" * 65_536)
    sec.faults.add(streamed(Stream(endless)))
    with httpx.stream("GET", sec.url + PATH, headers=AGENT) as answer:
        taken = sum(len(chunk) for chunk in itertools.islice(answer.iter_bytes(), 20))
    sec.stop()  # waits until the server has noticed
    (sent,) = sec.streamed_bytes.entries
    assert taken <= sent < 100 * MEGABYTE


def test_a_swollen_submission_is_read_as_the_same_filing(sec: StandInSec) -> None:
    sec.faults.add(sec_faults.swollen(5 * MEGABYTE))
    body = httpx.get(sec.url + PATH, headers=AGENT).content
    assert len(body) > 5 * MEGABYTE
    swollen = read_submission(body, FILING.accession)
    sound = read_submission(FILING.submission, FILING.accession)
    assert swollen.documents[:-1] == sound.documents
    assert swollen.documents[-1].type == "GRAPHIC"
    assert sec.met("swollen") == 1
