"""What the memory before the store remembers, and when."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cachetools import LRUCache
from hypothesis import given
from hypothesis import strategies as st
from store_backends import Backend, take
from store_filings import accession, failure, names, rejected

from blocks.errors import ConfigurationError, StoreUnavailable
from blocks.store import Lookup
from blocks.store_memory import SeenMemory
from blocks.store_windows import Transaction, Window

pytest_plugins = ["store_fixtures"]

NOON = datetime(2025, 12, 12, 12, tzinfo=UTC)


@given(st.sets(st.integers(0, 20), max_size=8), st.sets(st.integers(0, 20)))
def test_what_fits_is_remembered_and_nothing_else(noted: set[int], asked: set[int]) -> None:
    memory = SeenMemory(8)
    memory.remember(dict.fromkeys(noted, NOON))
    assert memory.known(asked, since=None) == noted & asked


def test_the_longest_unused_makes_room() -> None:
    memory = SeenMemory(2)
    memory.remember({1: NOON, 2: NOON})
    memory.known([1], since=None)
    memory.remember({3: NOON})
    assert memory.known([1, 2, 3], since=None) == {1, 3}


def test_an_outcome_older_than_asked_for_is_not_known() -> None:
    memory = SeenMemory(2)
    memory.remember({1: NOON, 2: NOON + timedelta(hours=1)})
    assert memory.known([1, 2], since=NOON + timedelta(minutes=1)) == {2}


def test_threads_may_share_a_memory() -> None:
    memory, together = SeenMemory(4), threading.Barrier(8)

    def churn(thread: int) -> None:
        together.wait()
        for turn in range(500):
            key = (thread + turn) % 8
            memory.remember({key: NOON})
            memory.known(range(8), since=None)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(churn, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert len(memory.known(range(8), since=None)) == 4


def test_the_cache_is_touched_under_the_lock_only() -> None:
    memory = SeenMemory(2)

    class Guarded(LRUCache[int, datetime]):
        def __contains__(self, key: object) -> bool:
            assert memory._lock.locked()
            return super().__contains__(key)

        def __setitem__(self, key: int, value: datetime) -> None:
            assert memory._lock.locked()
            super().__setitem__(key, value)

    memory._done_at = Guarded(2)
    memory.remember({1: NOON})
    assert memory.known([1], since=None) == {1}


class Watched:
    """A window that counts its transactions, and can lose them at the commit."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.dedicated = window.dedicated
        self.opened = 0
        self.loses = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.opened += 1
        with self._window.transaction() as transaction:
            yield transaction
            if self.loses:
                raise StoreUnavailable("the disk is full")


def test_only_what_was_committed_is_remembered(backend: Backend) -> None:
    store = backend.store(max_attempts=1)
    take(store, 1, 2, owner="a")
    store._window = watched = Watched(store._window)
    watched.loses = True
    with pytest.raises(StoreUnavailable, match="disk is full"):
        store.record([rejected(1)], [failure(2)], owner="a")
    watched.loses = False
    assert store.lookup([accession(1), accession(2)]) == Lookup(backlog=names(1, 2))
    assert store.record([rejected(1)], [failure(2)], owner="a").parked == names(2)
    watched.opened = 0
    assert store.lookup([accession(1), accession(2)]).done == names(1, 2)
    assert watched.opened == 0, "what is remembered is not asked again"


def test_what_is_not_done_is_asked_again_each_time(backend: Backend) -> None:
    store = backend.store()
    store._window = watched = Watched(store._window)
    for _ in range(3):
        assert store.lookup([accession(1)]) == Lookup()
    assert watched.opened == 3


def test_an_outcome_looked_up_once_is_remembered(backend: Backend) -> None:
    other, store = backend.store(), backend.store()
    take(other, 1, owner="a")
    other.record([rejected(1)], [], owner="a")
    assert store.lookup([accession(1)]).done == names(1)
    store._window = watched = Watched(store._window)
    assert store.lookup([accession(1)]).done == names(1)
    assert watched.opened == 0


def test_a_memory_that_is_switched_off_remembers_nothing(backend: Backend) -> None:
    store = backend.unremembering()
    take(store, 1, owner="a")
    store.record([rejected(1)], [], owner="a")
    store._window = watched = Watched(store._window)
    for _ in range(2):
        assert store.lookup([accession(1)]).done == names(1)
    assert watched.opened == 2


@pytest.mark.parametrize(("size", "ttl"), [(0, None), (5, timedelta(0)), (5, -timedelta(days=1))])
def test_switches_that_make_no_sense_are_refused(
    duckdb_backend: Backend, size: int, ttl: timedelta | None
) -> None:
    with pytest.raises(ConfigurationError, match=r"positive|at least 1"):
        duckdb_backend.store().with_switches(lru_enabled=True, lru_size=size, ttl=ttl)
