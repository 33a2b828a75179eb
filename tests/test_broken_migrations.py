"""A store of every earlier version, with what its program had written, goes on under this one."""

import hashlib
import signal
from typing import Final

import pytest
from children import child
from store_backends import Backend, take
from store_filings import accession, names
from store_versions import CERTIFIED, FEED, NUMBERS, fill

from blocks.models import OutcomeStatus
from blocks.spending import Cap
from blocks.store_schema import STEPS, Step

pytest_plugins = ["store_fixtures"]

VERSIONS: Final = range(1, len(STEPS))
# A released step is never edited: stores out there have taken it. A new step is added here
# when it is released.
RELEASED: Final = {
    "claims, outcomes, analyses and failures": "ecc8c70fdcf0e4cf",
    "first sight, feed marks and certificates": "4d6af29787a93dec",
    "amendments": "a117558fac9e30c6",
    "spending": "969b5666b0a09a87",
    "same text": "530caa3fe559aac6",
}


def digest_of(step: Step) -> str:
    return hashlib.sha256(repr(tuple(step)).encode()).hexdigest()[:16]


def test_no_released_step_was_edited_moved_or_left_out() -> None:
    found = {step.name: digest_of(step) for step in STEPS[: len(RELEASED)]}
    assert list(found.items()) == list(RELEASED.items())


def applied(backend: Backend) -> list[tuple[int, str]]:
    rows = backend.rows("SELECT version, name FROM schema_step ORDER BY version")
    return [(version, name) for version, name in rows]


ALL_STEPS: Final = [(number, step.name) for number, step in enumerate(STEPS, 1)]


def check_that_all_of_it_is_there(backend: Backend, version: int) -> None:
    """Nothing lost, seen stays seen, claims stay claims, analyses and views can be read."""
    store = backend.unremembering()
    every = [accession(number) for number in NUMBERS.values()]
    looked_up = store.lookup(every)
    assert looked_up.done == names(*(NUMBERS[one] for one in ("enriched", "rejected", "parked")))

    statuses = {status.value: accession(NUMBERS[status.value]) for status in OutcomeStatus}
    frame = store.outcomes().set_index("status")
    assert frame["accession"].to_dict() == statuses
    assert str(frame["summary"]["enriched"]).startswith("Filing 1 raises guidance")
    [answer] = store.answers([statuses["enriched"]])
    assert (answer.accession, answer.reply.cost_usd) == (statuses["enriched"], 0.0004)
    [parked] = store.parked()
    assert (parked.accession, parked.attempts) == (statuses["parked"], 3)
    [analysis] = backend.rows("SELECT accession, same_text_as, superseded_by FROM analyses")
    assert analysis == (statuses["enriched"], None, None)
    assert backend.rows("SELECT count(*) FROM failure") == [(4,)]

    assert take(store, *NUMBERS.values(), owner="new") == [NUMBERS["stale"], NUMBERS["failed"]]
    assert take(store, NUMBERS["live"], owner="running") == [NUMBERS["live"]]

    if version >= 2:
        assert store.feed_mark(FEED) is not None
        assert [one.certificate.day for one in store.certificates()] == [CERTIFIED]
    if version >= 4:
        assert store.spending.accounts("run")[Cap.RUN].spent_nano == 400_000
        assert backend.rows("SELECT sum(calls) FROM spent_by_day") == [(2,)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_filled_store_of_every_earlier_version_goes_on(backend: Backend, version: int) -> None:
    fill(backend.url, version)
    assert [number for number, _ in applied(backend)] == list(range(1, version + 1))
    check_that_all_of_it_is_there(backend, version)
    assert applied(backend) == ALL_STEPS


def test_two_processes_that_open_an_earlier_store_at_once_apply_each_step_once(
    backend: Backend,
) -> None:
    fill(backend.url, 1)
    with (
        child("open_at_once", backend.url, module="store_versions") as one,
        child("open_at_once", backend.url, module="store_versions") as other,
    ):
        for process in (one, other):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (one, other):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.close()
        assert [one.wait(60), other.wait(60)] == [0, 0]
    assert applied(backend) == ALL_STEPS
    check_that_all_of_it_is_there(backend, 1)


def kill_in_the_middle(backend: Backend, statements: int) -> bool:
    """Open it in a process that is killed after so many statements; whether it came that far."""
    with child("open_and_die", backend.url, statements, module="store_versions") as dying:
        assert dying.wait(60) in {0, -signal.SIGKILL}
    return dying.returncode != 0


def test_a_migration_that_is_killed_is_completed_by_the_next_opening(backend: Backend) -> None:
    fill(backend.url, 1)
    assert kill_in_the_middle(backend, 5)
    assert applied(backend) == ALL_STEPS[:1]
    check_that_all_of_it_is_there(backend, 1)
    assert applied(backend) == ALL_STEPS


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_migration_that_is_killed_after_any_statement_is_completed_by_the_next_opening(
    backend: Backend, version: int
) -> None:
    fill(backend.url, version)
    for statements in range(1, 100):
        if not kill_in_the_middle(backend, statements):
            break
        assert len(applied(backend)) == version
    assert statements > 1
    assert applied(backend) == ALL_STEPS
    check_that_all_of_it_is_there(backend, version)
