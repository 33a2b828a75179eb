"""What is announced: each analysis at least once, and at once, whoever is killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import duckdb
import pytest
from event_wire import EventWire, refused, wired
from installation import Installation, installed
from prefect.settings import PREFECT_API_URL
from store_backends import take
from store_filings import accession, enriched

import tasks.announce
from blocks.announcements import Announcement
from blocks.errors import NotAnnounced, RunNeedsAttention
from blocks.models import utc_now
from flows.filings import sec_filings
from sandbox import model_faults
from sandbox.loopback import Request, Response
from sandbox.market_day import generated_day
from sandbox.prefect_api import PrefectApi

DAY = generated_day(29, 8, noise=0)
ALL = sorted(DAY.by_accession)
FIRST, SECOND, *_ = ALL

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setenv("SEC_PRICE_FILTER_ENABLED", "0")
    with installed(DAY, tmp_path) as installation:
        yield installation


@pytest.fixture
def wire() -> Iterator[EventWire]:
    with wired() as wire:
        yield wire


def analyse(house: Installation, *accessions: str, refresh: str = "none") -> None:
    house.run(source="batch", accessions=accessions, refresh=refresh)


def left_by_a_dead_run(house: Installation, *numbers: int) -> None:
    """Recorded, and never sent by the run that recorded it."""
    take(house.store, *numbers, owner="dead")
    house.store.record([enriched(number) for number in numbers], [], owner="dead")
    when_its_hold_is_over(house)


def when_its_hold_is_over(house: Installation) -> None:
    with duckdb.connect(house.folder / "store.duckdb") as by_hand:
        by_hand.execute("UPDATE announcement SET held_until = now() - INTERVAL '1 second'")


def waiting(house: Installation) -> int:
    with duckdb.connect(house.folder / "store.duckdb", read_only=True) as by_hand:
        return len(by_hand.execute("SELECT id FROM announcement").fetchall())


def on_the_server(ids: list[str]) -> Counter[str]:
    """How often the server has each of these events, once it has one of each."""
    asked = {"filter": {"id": {"id": sorted(set(ids))}}}
    with PrefectApi(str(PREFECT_API_URL.value())) as api:
        for _ in range(150):
            found = api.post("/events/filter", asked)["events"]
            if len(found) >= len(set(ids)):
                break
            time.sleep(0.1)
    return Counter(event["id"] for event in found)


def test_what_is_recorded_is_announced_before_the_run_has_ended(
    house: Installation, wire: EventWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, at_each_look = house.sec.answer, list[int]()

    def noting(request: Request) -> Response:
        if "start=0&" in request.target:
            at_each_look.append(len(wire.posted))
        return answer(request)

    monkeypatch.setattr(house.sec, "answer", noting)
    funnel = house.run(source="rss", polls=2, poll_every_s=0)
    assert at_each_look == [0, funnel.enriched]
    assert Counter(wire.about()) == Counter(house.model.paid_calls.keys())
    assert waiting(house) == 0
    house.run(source="rss")
    assert len(wire.posted) == funnel.enriched > 0
    (roles,) = {
        tuple(sorted({one["prefect.resource.role"] for one in event["related"]}))
        for event in wire.posted
    }
    assert roles == ("flow", "flow-run")


@pytest.mark.parametrize(
    "taken", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["unsent", "unmarked"]
)
def test_what_a_killed_run_has_recorded_and_not_announced_is_announced_by_the_next(
    house: Installation, wire: EventWire, *, taken: bool
) -> None:
    """Killed before its request reaches the server, or before it learns that it has."""
    arrived = threading.Event()

    def kept_from_its_answer(_: socket.socket, pass_on: Callable[[], None]) -> bool:
        if taken:
            pass_on()
        arrived.set()
        time.sleep(60)
        return True

    wire.fault = kept_from_its_answer
    child = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _RUN, house.profile, FIRST, SECOND],
        env=os.environ | {"PREFECT_API_URL": wire.api_url},
        stderr=subprocess.DEVNULL,
    )
    assert arrived.wait(110)
    child.send_signal(signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    lost, wire.posted, wire.fault = wire.ids, [], None
    assert len(lost) == 2
    assert set(house.store.outcomes()["accession"]) == {FIRST, SECOND}

    analyse(house, FIRST)
    assert wire.posted == [], "for two minutes they are the killed run's to send"
    when_its_hold_is_over(house)
    analyse(house, FIRST)
    assert wire.ids == lost
    analyse(house, FIRST)
    assert wire.ids == lost
    assert on_the_server(lost) == Counter(lost)


_RUN = """
import sys
from flows.filings import sec_filings
sec_filings(source="batch", profile=sys.argv[1], accessions=sys.argv[2:])
"""


def test_two_runs_at_once_announce_what_is_left_once_and_their_own_once(
    house: Installation, wire: EventWire
) -> None:
    left = range(1, 41)
    left_by_a_dead_run(house, *left)
    with ThreadPoolExecutor(2) as pool:
        runs = [  # in this context, whose settings lead over the wire
            pool.submit(copy_context().run, analyse, house, one) for one in (FIRST, SECOND)
        ]
        for run in runs:
            run.result()
    assert Counter(wire.about()) == Counter([FIRST, SECOND, *map(accession, left)])


def test_what_the_server_does_not_take_is_told_in_the_report_and_announced_by_the_next_run(
    house: Installation, wire: EventWire
) -> None:
    wire.fault = refused
    funnel = house.run(source="batch", accessions=[FIRST])
    assert funnel.enriched == 1
    (note,) = funnel.notes
    assert note.startswith("Not everything was announced: Prefect's server has not taken 1 events")
    refused_ids, wire.posted, wire.fault = wire.ids, [], None
    when_its_hold_is_over(house)
    funnel = house.run(source="batch", accessions=[SECOND])
    assert wire.about() == [FIRST, SECOND], "oldest first"
    assert wire.ids[:1] == refused_ids
    assert funnel.notes == ()


def test_a_plan_announces_nothing(house: Installation, wire: EventWire) -> None:
    left_by_a_dead_run(house, 1)
    sec_filings(profile=house.profile, source="batch", accessions=[FIRST], plan_only=True)
    assert (waiting(house), wire.posted) == (1, [])


def test_a_refresh_announces_a_new_analysis_and_none_that_stands(
    house: Installation, wire: EventWire
) -> None:
    analyse(house, FIRST, SECOND)
    first_ids = set(wire.ids)
    house.model.faults.add(model_faults.refusal(), match=SECOND)
    with pytest.raises(RunNeedsAttention):
        analyse(house, FIRST, SECOND, refresh="all")
    assert sorted(wire.about()) == sorted([FIRST, SECOND, FIRST])
    assert len(set(wire.ids) - first_ids) == 1, "another analysis is another event"


def test_without_the_store_what_is_analysed_is_announced_all_the_same(
    house: Installation, wire: EventWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEN_STORE_ENABLED", "0")
    analyse(house, FIRST)
    analyse(house, FIRST)
    once, again = wire.posted
    assert (once["payload"]["from_cache"], again["payload"]["from_cache"]) == (False, True)
    assert once["id"] == again["id"], "the same analysis"
    wire.fault = refused
    (note,) = house.run(source="batch", accessions=[SECOND]).notes
    assert note.endswith("With the store switched off they are lost")


def test_a_server_that_never_answers_is_given_up(
    wire: EventWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.announce, "PATIENCE_S", 0.2)
    wire.fault = lambda *_: True
    event = Announcement("6f1c54a1-6d0e-4c52-9d0b-0d1f6b8f7c56", utc_now(), "{}")
    with pytest.raises(NotAnnounced, match="1 events: TimeoutError"):
        tasks.announce.announce([event])
