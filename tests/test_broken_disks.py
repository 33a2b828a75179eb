"""Full and read-only disks: named with the remedy; nothing half written or paid in vain."""

import io
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from full_disks import SmallDisk, bytes_below, no_file_beyond, small_disk
from store_backends import Backend, take
from store_filings import accession, answer, names

from blocks.answers import AnswerFolder
from blocks.edgar_breaker import Breaker
from blocks.edgar_kept import ValidatorCache
from blocks.edgar_pace import RequestPace
from blocks.errors import AnswerCacheUnusable, ConfigurationError, EdgarBlocked, StoreUnavailable
from tasks.answer_cache import answer_key, answers_on_file, keep_answer

FINGERPRINT = "f1"
REMEDY = r"free some space.*FEATURE_SEC_LLM_CACHE=0"
KEY = answer_key(FINGERPRINT, accession(1))


class Trouble(Protocol):
    """Makes writes fail for as long as it lasts."""

    folder: Path

    def now(self) -> AbstractContextManager[None]: ...


class Limited:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def now(self) -> AbstractContextManager[None]:
        return no_file_beyond(0)


class Full:
    def __init__(self, disk: SmallDisk) -> None:
        self.folder = disk.path
        self._disk = disk

    @contextmanager
    def now(self) -> Iterator[None]:
        self._disk.fill()
        try:
            yield
        finally:
            self._disk.free()


class ReadOnly:
    def __init__(self, disk: SmallDisk) -> None:
        self.folder = disk.path
        self._disk = disk

    @contextmanager
    def now(self) -> Iterator[None]:
        self._disk.read_only()
        try:
            yield
        finally:
            self._disk.read_only(is_so=False)


@pytest.fixture(params=["limited", "full", "read-only"])
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trouble]:
    if request.param == "limited":
        yield Limited(tmp_path)
        return
    with small_disk(tmp_path / "disk", 16) as disk:
        yield (Full if request.param == "full" else ReadOnly)(disk)


def test_no_answer_is_bought_that_could_not_be_kept(trouble: Trouble) -> None:
    folder = AnswerFolder(basepath=str(trouble.folder / "answers"))
    keep_answer(answer(2), folder, None)
    before = bytes_below(trouble.folder)
    with trouble.now():
        with pytest.raises(AnswerCacheUnusable, match=REMEDY):
            folder.probe(f"enrich/{FINGERPRINT}")
        with pytest.raises(AnswerCacheUnusable, match=REMEDY), folder.room_for(KEY):
            pass
        with pytest.raises(OSError, match=r"No space|too large|[Rr]ead-only"):
            keep_answer(answer(2), folder, None)
    assert bytes_below(trouble.folder) == before, "neither overwritten nor half written"
    keep_answer(answer(1), folder, None)
    assert answers_on_file([accession(1), accession(2)], FINGERPRINT, folder).keys() == names(1, 2)


def test_an_answer_for_which_there_was_room_is_kept_though_the_disk_is_full_by_then(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        folder = AnswerFolder(basepath=str(disk.path / "answers"))
        with folder.room_for(KEY):
            disk.fill()
            keep_answer(answer(1), folder, None)
        assert answers_on_file([accession(1)], FINGERPRINT, folder) == {accession(1): answer(1)}
        assert [one.name for one in (disk.path / "answers").rglob("*.*")] == []


def test_room_that_an_error_left_unused_is_given_back(tmp_path: Path) -> None:
    folder = AnswerFolder(basepath=str(tmp_path))
    held: list[int] = []

    def ask_in_vain() -> None:
        with folder.room_for(KEY):
            held.extend(len(content) for content in bytes_below(tmp_path).values())
            raise TimeoutError

    with pytest.raises(TimeoutError):
        ask_in_vain()
    assert held == [65_536]
    assert bytes_below(tmp_path) == {}


def test_a_store_that_cannot_be_written_is_left_as_it_is_and_goes_on_afterwards(
    trouble: Trouble,
) -> None:
    backend = Backend(f"duckdb:///{trouble.folder}/seen.duckdb")
    store = backend.unremembering()
    take(store, *range(1, 200), owner="a")
    before = bytes_below(trouble.folder)
    with trouble.now(), pytest.raises(StoreUnavailable, match="is writable and has room"):
        take(store, *range(1000, 9000), owner="a")
    after = bytes_below(trouble.folder)
    assert after["seen.duckdb"] == before["seen.duckdb"]
    assert store.lookup([accession(n) for n in (1, 199, 1000)]).backlog == names(1, 199)
    assert len(take(store, *range(1000, 2000), owner="a")) == 1000


def test_a_store_that_cannot_be_made_leaves_nothing_half_made(trouble: Trouble) -> None:
    backend = Backend(f"duckdb:///{trouble.folder}/seen.duckdb")
    with trouble.now(), pytest.raises(StoreUnavailable, match="is writable and has room"):
        take(backend.store(), 1, owner="a")
    assert not backend.path.exists()
    assert take(backend.store(), 1, owner="a") == [1]


def test_files_of_edgar_that_cannot_be_kept_are_answered_and_the_kept_ones_stay(
    trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ValidatorCache(trouble.folder, "sec.example")
    cache.keep("/x", {"etag": '"one"'}, io.BytesIO(b"first" * 1000))
    before = bytes_below(trouble.folder)
    with trouble.now(), caplog.at_level(logging.WARNING):
        cache.keep("/x", {"etag": '"two"'}, io.BytesIO(b"second" * 1000))
    assert "Free some space" in caplog.text
    assert bytes_below(trouble.folder) == before


def test_a_breaker_that_cannot_be_kept_lets_no_request_out(trouble: Trouble) -> None:
    path = trouble.folder / "requests.sqlite"
    breaker, pace = Breaker(path, "sec.example"), RequestPace(path, "sec.example", 100)
    breaker.trip("block page", 600)
    breaker_elsewhere = Breaker(trouble.folder / "new.sqlite", "sec.example")
    pace.wait()
    pace.close()
    with trouble.now():
        for use in (
            lambda: breaker.trip("again", 6000),
            pace.wait,
            lambda: breaker_elsewhere.check("/x"),
        ):
            with pytest.raises(ConfigurationError, match="make its folder writable"):
                use()
    pace.wait()
    pace.close()
    with pytest.raises(EdgarBlocked, match="block page"):
        breaker.check("/x")
