"""Threads, tasks and processes at one store, some of them killed."""

import asyncio
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Barrier

import pytest
from children import child
from store_backends import Backend, take
from store_filings import accession, failure, filings, names, rejected

from blocks.store import Lookup

pytest_plugins = ["store_fixtures"]

SPANS = [(1, 101), (21, 121), (1, 141)]


def test_processes_that_open_a_store_at_once_are_granted_each_filing_once(
    backend: Backend,
) -> None:
    claiming = [
        child("claim_range", backend.url, str(run), *SPANS[run]) for run in range(len(SPANS))
    ]
    said = [process.communicate(timeout=60)[0].split() for process in claiming]
    granted = map(int, chain.from_iterable(said))
    assert sorted(granted) == list(range(1, 141))


def test_a_process_killed_while_recording_leaves_nothing_half_done(backend: Backend) -> None:
    store = backend.store()
    take(store, 1, 2, 3, owner="killed")
    # of two updates, outcomes, analyses, failures, two for links, and what is to be announced
    first, third, last = 1, 3, 8
    doomed = [child("die_after", backend.url, write) for write in (first, third, last)]
    for process in doomed:
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    assert store.lookup([accession(n) for n in (1, 2, 3)]) == Lookup(backlog=names(1, 2, 3))
    assert store.outcomes().empty
    assert backend.rows("SELECT count(*) FROM failure") == [(0,)]
    assert backend.rows("SELECT count(*) FROM reported") == [(0,)]
    assert backend.rows("SELECT count(*) FROM announcement") == [(0,)]
    assert store.claim(filings(1, 2, 3), owner="next", lease_s=60).held == names(1, 2, 3)
    store.renew([accession(n) for n in (1, 2, 3)], owner="killed", lease_s=0)
    assert take(store, 1, 2, 3, owner="next") == [1, 2, 3]


def test_what_a_killed_process_had_committed_is_there_and_whole(backend: Backend) -> None:
    process = child("record_batches", backend.url)
    with process:
        assert process.stdout
        said = [int(next(process.stdout)) for _ in range(20)]
        process.kill()
        said += map(int, process.stdout)
    recorded = {int(name[-6:]) for name in backend.store().outcomes()["accession"]}
    assert {number for first in said for number in range(first, first + 5)} <= recorded
    assert len(recorded) % 5 == 0, "a batch is recorded whole or not at all"
    assert len(recorded) <= 5 * (len(said) + 1)


def test_sixteen_threads_share_one_store(backend: Backend) -> None:
    store = backend.store()

    def work(thread: int) -> list[int]:
        mine: list[int] = []
        for start in range(1, 61, 20):
            mine += take(store, *range(start, start + 20), owner=str(thread))
            ended = [rejected(number) for number in mine if number % 2]
            failed = [failure(number) for number in mine if not number % 2]
            store.record(ended, failed, owner=str(thread))
            asked = range(start, start + 20)
            assert store.lookup(list(map(accession, asked))).done >= names(
                *(number for number in asked if number in mine and number % 2)
            )
        return mine

    with ThreadPoolExecutor(16) as pool:
        granted = list(chain.from_iterable(pool.map(work, range(16))))
    odd = [number for number in granted if number % 2]
    assert sorted(odd) == list(range(1, 61, 2))
    assert store.lookup([accession(n) for n in range(1, 61)]).done >= names(*range(1, 61, 2))


def test_readers_may_be_the_first_to_open_a_store(backend: Backend) -> None:
    together = Barrier(8)

    def look(_: int) -> Lookup:
        store = backend.store()
        together.wait()
        return store.lookup([accession(1)])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(8))) == {Lookup()}


def test_async_code_uses_the_store_through_threads(backend: Backend) -> None:
    store = backend.store()

    async def run(owner: str) -> frozenset[str]:
        granted = await asyncio.to_thread(take, store, *range(1, 30), owner=owner)
        ended = list(map(rejected, granted))
        recorded = await asyncio.to_thread(store.record, ended, [], owner=owner)
        return recorded.stored

    async def all_at_once() -> list[frozenset[str]]:
        return list(await asyncio.gather(*(run(str(number)) for number in range(8))))

    stored = asyncio.run(all_at_once())
    assert sorted(map(len, stored)) == [0] * 7 + [29]


def test_the_lock_file_is_handed_on_by_a_killed_holder(duckdb_backend: Backend) -> None:
    lock = duckdb_backend.path.with_name("seen.duckdb.lock")
    lock.parent.mkdir()
    code = (
        "import fcntl, sys, time; held = open(sys.argv[1], 'w'); fcntl.flock(held, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(lock)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder,  # noqa: S603 - our own code
        ThreadPoolExecutor(1) as pool,
    ):
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        waiting = pool.submit(take, duckdb_backend.store(), 1, owner="a")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.1)
        holder.kill()
        assert waiting.result(timeout=10) == [1]
