"""A run that dies, sleeps or is slow: what it held is taken over when its lease ends, not before.

Calls are counted in the stand-in model's ledger, outcomes in the store's tables.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import cast

import pandas as pd
import pytest
from installation import Installation, installed
from prefect.settings import PREFECT_API_URL
from store_backends import Backend

from blocks.analyst import Analyst
from blocks.models import Filing, FoundBy, utc_now
from blocks.store_values import Standing
from sandbox import faults
from sandbox.faults import Fault
from sandbox.loopback import Response
from sandbox.market_day import generated_day

LEASE_S = 10
LIMIT_S = 120.0
DAY = generated_day(7, 14, noise=0.2)
LISTED = [
    Filing(accession=one.accession, form=one.form, parties=one.parties, found_by=FoundBy.FEED)
    for one in DAY.filings
]
SUBMISSION = r"/data/\d+/.*\.txt"

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(300)]

_RUN = """
import json, sys
from flows.filings import sec_filings
sec_filings(**json.loads(sys.argv[1]))
"""


@dataclass(frozen=True)
class Interrupted:
    """A poll in a process of its own, met by a signal while it read its first submissions.

    ``refused`` is how often another run was told that the filings are held, ``ends`` when
    the last of the leases runs out, ``free_at`` when they could first be had.
    """

    house: Installation
    process: "subprocess.Popen[bytes]"
    refused: int
    ends: datetime
    free_at: datetime


@pytest.fixture(scope="module")
def interrupted(
    prefect_server: None,  # noqa: ARG001 - the server must be up
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Interrupted]]:
    """Two polls, one killed and one stopped, so that their leases run out side by side."""
    with (
        installed(DAY, tmp_path_factory.mktemp("killed")) as one,
        installed(DAY, tmp_path_factory.mktemp("stopped")) as other,
        reading_slowly(one) as killed,
        reading_slowly(other) as stopped,
        ThreadPoolExecutor(2) as pool,
    ):
        cases = pool.map(
            interrupt, (one, other), (killed, stopped), (signal.SIGKILL, signal.SIGSTOP)
        )
        yield dict(zip(("killed", "stopped"), cases, strict=True))


@contextmanager
def reading_slowly(house: Installation) -> Iterator["subprocess.Popen[bytes]"]:
    """A poll that gets no submission before its lease would be over, but for a renewal."""
    house.sec.faults.add(faults.slow(2 * LEASE_S), match=SUBMISSION, times=None)
    with in_a_process(house, source="rss", lease_s=LEASE_S) as process:
        yield process
        process.kill()


def in_a_process(house: Installation, **parameters: object) -> "subprocess.Popen[bytes]":
    asked = json.dumps({"profile": house.profile} | parameters)
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", _RUN, asked],
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        stderr=subprocess.DEVNULL,
    )


def interrupt(
    house: Installation, process: "subprocess.Popen[bytes]", number: signal.Signals
) -> Interrupted:
    """Send the signal, and ask for the filings again and again until another run has them."""
    until(lambda: house.sec.count(SUBMISSION))
    asked = 0
    while asked < (asked := house.sec.count(SUBMISSION)):  # a stopped thread would keep its locks
        time.sleep(0.5)
    process.send_signal(number)
    house.sec.faults.clear()
    tables = Backend(f"duckdb:///{house.folder / 'store.duckdb'}")
    [(ends,)] = tables.rows("SELECT max(lease_until) FROM seen")
    known = {one.accession for one in standings(house) if one.in_store}
    wanted = [one for one in LISTED if one.accession in known]
    refused = 0

    def is_free() -> bool:
        nonlocal refused
        refused += 1
        return bool(house.store.preview(wanted, owner="another").granted)

    until(is_free)
    return Interrupted(house, process, refused - 1, ends, utc_now())


def standings(house: Installation) -> tuple[Standing, ...]:
    return house.store.standings([filing.accession for filing in LISTED])


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def left_behind(house: Installation) -> tuple[pd.DataFrame, dict[Path, bytes], int]:
    """Outcomes, kept answers, and how many calls were made."""
    kept = {path: path.read_bytes() for path in house.answers()}
    return house.store.outcomes(), kept, len(house.model.ledger)


def paid_once_each(house: Installation) -> bool:
    """Whether all filings have an outcome, and those that are enriched were paid for once."""
    frame = house.store.outcomes()
    enriched = frame.loc[frame["status"] == "enriched", "accession"]
    is_whole = not any(one.in_store and one.status is None for one in standings(house))
    return is_whole and dict(house.model.paid_calls) == dict.fromkeys(enriched, 1)


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_what_a_run_held_can_be_had_when_its_lease_ends_and_not_before(
    interrupted: dict[str, Interrupted], how: str
) -> None:
    case = interrupted[how]
    assert case.refused > 0
    assert case.free_at >= case.ends


def test_the_next_poll_finishes_what_a_killed_one_had_begun(
    interrupted: dict[str, Interrupted],
) -> None:
    house = interrupted["killed"].house
    funnel = house.run(source="rss")
    assert funnel.enriched > 2
    assert paid_once_each(house)


def test_a_run_that_slept_past_its_lease_asks_nothing_and_overwrites_nothing(
    interrupted: dict[str, Interrupted],
) -> None:
    case = interrupted["stopped"]
    assert case.house.run(source="rss").enriched > 2
    outcomes, answers, calls = left_behind(case.house)
    case.process.send_signal(signal.SIGCONT)
    case.process.wait(LIMIT_S)
    outcomes_then, answers_then, calls_then = left_behind(case.house)
    assert calls_then == calls
    assert answers_then == answers
    pd.testing.assert_frame_equal(outcomes_then, outcomes)
    assert paid_once_each(case.house)


def test_a_run_that_is_slower_than_its_lease_keeps_what_it_holds(tmp_path: Path) -> None:
    answered = Event()
    with unhurried(tmp_path) as house, ThreadPoolExecutor(1) as pool:
        house.model.faults.add(Fault("not yet", lambda normal: after(answered, normal)))
        slow = pool.submit(house.run, source="rss", lease_s=LEASE_S)
        until(lambda: len(house.model.ledger))
        ends = max(one.held_until for one in standings(house) if one.held_until)
        until(lambda: utc_now() > ends + timedelta(seconds=1))
        other = house.run(source="rss")
        answered.set()
        assert slow.result().enriched > 2
        assert (other.claimed, other.model_calls) == (0, 0)
        assert paid_once_each(house)


@pytest.mark.soak
def test_a_poll_and_a_backfill_of_its_day_at_once_pay_once_for_each_filing(
    tmp_path: Path,
) -> None:
    """In processes of their own; nothing is answered before both have listed the day."""
    both = Event()
    with unhurried(tmp_path) as house:
        house.model.faults.add(Fault("not yet", lambda normal: after(both, normal)), times=None)
        with (
            in_a_process(house, source="rss") as poll,
            in_a_process(house, source="batch", start_date=f"{DAY.day}") as backfill,
        ):
            until(lambda: house.sec.count("browse-edgar") and house.sec.count("master"))
            both.set()
            assert (poll.wait(LIMIT_S), backfill.wait(LIMIT_S)) == (0, 0)
        assert paid_once_each(house)
        assert house.model.paid_calls.total() > 2


@contextmanager
def unhurried(folder: Path) -> Iterator[Installation]:
    """An installation that waits for the model as long as a test may keep it."""
    with installed(DAY, folder) as house:
        analyst = cast("Analyst", Analyst.load(house.profile))
        patient = analyst.model_copy(update={"timeout_s": 2 * LIMIT_S})
        patient.save(house.profile, overwrite=True)
        yield house


def after(event: Event, response: Response) -> Response:
    assert event.wait(LIMIT_S)
    return response
