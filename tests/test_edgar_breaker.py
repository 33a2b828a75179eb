"""The breaker: once SEC asks to be left alone, no process of the machine asks."""

import contextlib
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from edgar_clients import WHO, client_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.edgar_breaker import LONGEST_S, Breaker, Trip, standing, told_eastern
from blocks.edgar_http import EdgarSession, Transport
from blocks.edgar_pace import RequestPace
from blocks.errors import ConfigurationError, EdgarBlocked, EdgarUnavailable
from sandbox import sec_pages
from sandbox.loopback import LoopbackServer, Request, Response

ROOT = Path(__file__).resolve().parents[1]
NOON = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)  # noon in New York
TEN_MINUTES = timedelta(minutes=10)
WHY = "403 with a web page"


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    set_by_hand = Clock()
    monkeypatch.setattr("blocks.edgar_breaker.utc_now", set_by_hand)
    return set_by_hand


@pytest.fixture
def breaker(tmp_path: Path) -> Breaker:
    return Breaker(tmp_path / "limit" / "breaker", "sec.example")


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(MOMENTS, st.floats(0, LONGEST_S), MOMENTS)
def test_whatever_the_clock_did_a_trip_is_never_longer_than_its_wait_from_now(
    since: datetime, wait_s: float, now: datetime
) -> None:
    trip = standing(Trip(since, wait_s, WHY), now)
    if trip is None:
        assert now >= since + timedelta(seconds=wait_s)
    else:
        assert now <= trip.until <= now + timedelta(seconds=wait_s)
        assert trip.until <= since + timedelta(seconds=wait_s)


def test_a_trip_stands_until_its_time_is_over_and_not_at_that_moment() -> None:
    trip = Trip(NOON, 600, WHY)
    assert standing(trip, NOON) == trip
    assert standing(trip, NOON + TEN_MINUTES - timedelta(microseconds=1)) == trip
    assert standing(trip, NOON + TEN_MINUTES) is None


def test_a_breaker_that_never_tripped_lets_requests_out(breaker: Breaker) -> None:
    breaker.check("/x")


def test_who_asks_too_early_is_told_since_when_why_and_until_when(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.trip(WHY, 600)
    clock.now += timedelta(minutes=3)
    told = (
        r"not asked for /x: since 2026-11-25 12:00:00 EST .*403 with a web page.*"
        r"before 2026-11-25 12:10:00 EST; run again after that\.$"
    )
    with pytest.raises(EdgarBlocked, match=told) as raised:
        breaker.check("/x")
    assert raised.value.until == NOON + TEN_MINUTES
    assert raised.value.subject == "/x"


def test_summer_time_is_named_as_such() -> None:
    assert told_eastern(datetime(2026, 7, 1, 16, 0, tzinfo=UTC)) == "2026-07-01 12:00:00 EDT"


def test_a_block_keeps_its_end_when_pickled_and_loses_it_when_rebuilt_from_its_message() -> None:
    error = EdgarBlocked("blocked", subject="/x", until=NOON)
    assert pickle.loads(pickle.dumps(error)).until == NOON  # noqa: S301 - our own
    assert EdgarBlocked(*error.args).until is None


def test_a_trip_outlives_who_saw_it(breaker: Breaker, clock: Clock) -> None:
    breaker.trip(WHY, 600)
    after_a_restart = Breaker(breaker.path, breaker.server)
    with pytest.raises(EdgarBlocked):
        after_a_restart.check("/x")
    clock.now += TEN_MINUTES
    after_a_restart.check("/x")


def test_another_server_is_not_held_back(breaker: Breaker) -> None:
    breaker.trip(WHY, 600)
    Breaker(breaker.path, "127.0.0.1:8000").check("/x")


def test_deleting_the_file_lets_requests_out(breaker: Breaker) -> None:
    breaker.trip(WHY, 600)
    breaker.path.unlink()
    breaker.check("/x")


def test_a_shorter_wait_does_not_end_a_longer_one(breaker: Breaker, clock: Clock) -> None:
    assert breaker.trip("Retry-After", 3600).until == NOON + timedelta(hours=1)
    assert breaker.trip(WHY, 600).until == NOON + timedelta(hours=1)
    with pytest.raises(EdgarBlocked, match="Retry-After") as raised:
        breaker.check("/x")
    assert raised.value.until == NOON + timedelta(hours=1)
    assert breaker.trip("Retry-After", 7200).until == NOON + timedelta(hours=2)
    clock.now += timedelta(hours=3)
    assert breaker.trip(WHY, 600).until == clock.now + TEN_MINUTES


@pytest.mark.usefixtures("clock")
def test_no_trip_is_longer_than_a_day(breaker: Breaker) -> None:
    assert breaker.trip("Retry-After", 10**9).until == NOON + timedelta(days=1)


def test_a_clock_set_back_begins_the_wait_anew_once_and_not_for_ever(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.trip(WHY, 600)
    clock.now -= timedelta(days=30)
    set_back = clock.now
    for minutes in (0, 5):
        clock.now = set_back + timedelta(minutes=minutes)
        with pytest.raises(EdgarBlocked) as raised:
            breaker.check("/x")
        assert raised.value.until == set_back + TEN_MINUTES
    clock.now = set_back + TEN_MINUTES
    breaker.check("/x")


def test_a_trip_from_before_the_clock_was_set_back_does_not_outlast_a_new_one(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.trip(WHY, 600)
    clock.now -= timedelta(days=30)
    assert breaker.trip(WHY, 600).until == clock.now + TEN_MINUTES


@pytest.mark.parametrize("name", ["damaged", "damaged/below"])
def test_a_file_that_cannot_be_used_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "damaged").write_bytes(b"no database at all, but long enough to look at" * 100)
    breaker = Breaker(tmp_path / name, "sec.example")
    for use in (lambda: breaker.check("/x"), lambda: breaker.trip(WHY, 600)):
        with pytest.raises(ConfigurationError, match=r"delete the file.*limiter_path") as raised:
            use()
        assert raised.value.subject == str(tmp_path / name)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**14), st.binary(min_size=1, max_size=64))
def test_whatever_bytes_are_spoilt_the_file_is_named_or_still_read(
    breaker: Breaker, at: int, noise: bytes
) -> None:
    breaker.path.unlink(missing_ok=True)
    breaker.trip(WHY, 600)
    content = bytearray(breaker.path.read_bytes())
    content[at : at + len(noise)] = noise
    breaker.path.write_bytes(content)
    with contextlib.suppress(ConfigurationError, EdgarBlocked):
        breaker.check("/x")


@pytest.mark.parametrize(
    ("column", "spoilt", "found"),
    [
        ("since_s", "'soon'", ConfigurationError),
        ("since_s", "x'00'", ConfigurationError),
        ("since_s", "9e999", ConfigurationError),
        ("since_s", "-1.0", None),
        ("wait_s", "'soon'", ConfigurationError),
        ("wait_s", "-1.0", ConfigurationError),
        ("wait_s", "9e999", EdgarBlocked),
        ("wait_s", "1e9", EdgarBlocked),
    ],
)
def test_times_that_are_none_are_named_or_hold_requests_back_for_a_day(
    breaker: Breaker, clock: Clock, column: str, spoilt: str, found: type[Exception] | None
) -> None:
    breaker.trip(WHY, 600)
    with contextlib.closing(sqlite3.connect(breaker.path)) as file:
        file.execute(f"UPDATE trips SET {column} = {spoilt}")  # noqa: S608 - our own values
        file.commit()
    with pytest.raises(found) if found else contextlib.nullcontext() as raised:
        breaker.check("/x")
    if raised and isinstance(raised.value, EdgarBlocked):
        assert raised.value.until == clock.now + timedelta(days=1)


class Sec(LoopbackServer):
    """Answers "{}", or what ``verdict`` says, and writes down when it was asked and answered."""

    def __init__(self) -> None:
        super().__init__()
        self.verdict: Callable[[Request], Response] = lambda _: Response(b"{}")
        self.asked: list[tuple[float, str]] = []
        self.blocked_at: list[float] = []
        self.blocked_often = threading.Event()

    def answer(self, request: Request) -> Response:
        self.asked.append((time.monotonic(), request.user_agent))
        return self.verdict(request)

    def handle(self, request: Request) -> Response:
        response = super().handle(request)
        if b"Threshold" in response.body:
            self.blocked_at.append(time.monotonic())
            if len(self.blocked_at) == 3:
                self.blocked_often.set()
        return response


def block_page(retry_after_s: int | None = None) -> Response:
    page = sec_pages.rate_exceeded()
    wish = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Response(page.body, page.status, {**page.headers, **wish})


@pytest.fixture
def sec() -> Iterator[Sec]:
    with Sec() as server:
        yield server


def test_a_blocked_client_holds_every_other_back_until_the_time_is_over(
    sec: Sec, tmp_path: Path, clock: Clock
) -> None:
    sec.verdict = lambda _: block_page()
    with client_of(sec, tmp_path) as client, client_of(sec, tmp_path) as other:
        for asking in (client, other, client):
            with pytest.raises(EdgarBlocked) as raised:
                asking.tickers()
            assert raised.value.until == NOON + TEN_MINUTES
        assert len(sec.asked) == 1
        sec.verdict = lambda _: Response(b"{}")
        clock.now += TEN_MINUTES
        other.tickers()
        client.tickers()
    assert len(sec.asked) == 3


def test_a_probe_that_is_blocked_trips_again_for_the_same_time(
    sec: Sec, tmp_path: Path, clock: Clock
) -> None:
    sec.verdict = lambda _: block_page()
    with client_of(sec, tmp_path, block_wait_s=60) as client:
        for probes in (1, 2, 3):
            for _ in range(2):
                with pytest.raises(EdgarBlocked) as raised:
                    client.tickers()
                assert raised.value.until == clock.now + timedelta(seconds=60)
            assert len(sec.asked) == probes
            clock.now += timedelta(seconds=60)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("wish_s", "wait_s"), [(None, 600), (5, 600), (1800, 1800)])
def test_a_block_page_is_obeyed_for_the_longer_of_its_wish_and_ours(
    sec: Sec, tmp_path: Path, wish_s: int | None, wait_s: int
) -> None:
    sec.verdict = lambda _: block_page(wish_s)
    with client_of(sec, tmp_path) as client, pytest.raises(EdgarBlocked) as raised:
        client.tickers()
    assert raised.value.until == NOON + timedelta(seconds=wait_s)


@pytest.mark.usefixtures("clock")
def test_a_wish_of_a_minute_is_waited_for_and_one_of_more_holds_all_requests_back(
    sec: Sec, tmp_path: Path
) -> None:
    sec.verdict = lambda _: Response(b"busy", 503, {"Retry-After": "60"})
    with client_of(sec, tmp_path, max_attempts=1) as client:
        with pytest.raises(EdgarUnavailable):
            client.tickers()
        sec.verdict = lambda _: Response(b"busy", 503, {"Retry-After": "61"})
        with pytest.raises(EdgarBlocked, match=r"503 .* and Retry-After 61 s") as raised:
            client.tickers()
    assert raised.value.until == NOON + timedelta(seconds=61)
    assert len(sec.asked) == 2


class TrippedMeanwhile(RequestPace):
    """A pace during whose wait another process is blocked."""

    def __init__(self, path: Path, server: str, max_per_s: float, other: Breaker) -> None:
        super().__init__(path, server, max_per_s)
        self._other = other

    def wait(self) -> None:
        self._other.trip(WHY, 600)
        super().wait()


def test_a_request_that_waits_for_its_turn_when_another_is_blocked_does_not_leave(
    sec: Sec, tmp_path: Path, breaker: Breaker
) -> None:
    other = Breaker(breaker.path, breaker.server)
    pace = TrippedMeanwhile(tmp_path / "pace", "sec.example", 8, other)
    session = EdgarSession(Transport(sec.url, WHO, 5, 3, 600), pace, breaker)
    with contextlib.closing(session), pytest.raises(EdgarBlocked, match="not asked for /x"):
        session.read("/x", max_bytes=100)
    assert sec.asked == []


def test_who_is_held_back_takes_no_turn_of_the_pace(sec: Sec, tmp_path: Path) -> None:
    sec.verdict = lambda _: block_page()
    with client_of(sec, tmp_path, max_requests_per_s=0.5) as client:
        began = time.monotonic()
        for _ in range(5):
            with pytest.raises(EdgarBlocked):
                client.tickers()
        assert time.monotonic() - began < 2.0


def test_a_retry_that_slept_while_another_was_blocked_does_not_leave(
    sec: Sec, tmp_path: Path
) -> None:
    with client_of(sec, tmp_path) as client:
        other = client._session._breaker

        def busy(_: Request) -> Response:
            other.trip(WHY, 600)
            return Response(b"busy", 503, {"Retry-After": "0"})

        sec.verdict = busy
        with pytest.raises(EdgarBlocked, match="not asked"):
            client.tickers()
    assert len(sec.asked) == 1


def test_a_redirect_is_not_followed_while_another_is_blocked(sec: Sec, tmp_path: Path) -> None:
    with client_of(sec, tmp_path) as client:
        other = client._session._breaker

        def moved(_: Request) -> Response:
            other.trip(WHY, 600)
            return Response(b"", 302, {"Location": "/there"})

        sec.verdict = moved
        with pytest.raises(EdgarBlocked, match="not asked for /there"):
            client.tickers()
    assert len(sec.asked) == 1


def test_of_ten_threads_none_asks_after_one_was_blocked(sec: Sec, tmp_path: Path) -> None:
    sec.verdict = lambda _: Response(b"{}") if len(sec.asked) < 4 else block_page()
    with client_of(sec, tmp_path) as client, ThreadPoolExecutor(10) as pool:

        def ask(_: int) -> bool:
            with contextlib.suppress(EdgarBlocked):
                client.tickers()
                return True
            return False

        answered = sum(pool.map(ask, range(20)))
    assert answered == 3
    assert len(sec.asked) == 4


ASK_AGAIN_AND_AGAIN = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from blocks.edgar import EdgarClient
from blocks.errors import EdgarBlocked

who, url, folder, block_wait_s = sys.argv[1:]
client = EdgarClient(
    user_agent=who, base_url=url, limiter_path=folder + "/limit", block_wait_s=float(block_wait_s)
)

def ask(_):
    refused = 0
    while not Path(folder, "stop").exists():
        try:
            client.tickers()
        except EdgarBlocked:
            refused += 1
            time.sleep(0.02)
    return refused

with ThreadPoolExecutor(10) as pool:
    print(sum(pool.map(ask, range(10))))
client.close()
"""


def test_two_processes_of_ten_threads_leave_sec_alone_until_the_time_is_over(
    sec: Sec, tmp_path: Path
) -> None:
    def verdict(_: Request) -> Response:
        both_ask = len({who for _, who in sec.asked}) == 2
        return replace(block_page(), delay_s=0.2) if both_ask else Response(b"{}")

    sec.verdict = verdict
    wait_s, in_flight_s = 1.2, 0.3
    both = [
        subprocess.Popen(  # noqa: S603 - our own text
            [
                *(sys.executable, "-c", ASK_AGAIN_AND_AGAIN, f"{who} {WHO}", sec.url),
                *(str(tmp_path), str(wait_s)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for who in ("one", "two")
    ]
    assert sec.blocked_often.wait(60), "SEC is asked again when the time is over"
    (tmp_path / "stop").touch()
    refused = [int(process.communicate(timeout=60)[0]) for process in both]
    assert min(refused) > 20, "both processes kept trying"
    for page_at in sec.blocked_at:
        late = [at for at, _ in sec.asked if page_at < at < page_at + wait_s]
        assert len(late) <= 1, "only what had left before the page arrived"
        assert all(at < page_at + in_flight_s for at in late)
