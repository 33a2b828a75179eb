"""A store that was damaged, replaced or is out of reach: named, and left as it is."""

import collections
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from children import child
from store_backends import Backend, take
from store_damage import LATER, log_of
from store_filings import accession, names

from blocks.errors import StoreUnavailable

pytest_plugins = ["store_fixtures"]

IN_THE_LOG = [number for numbers in LATER for number in numbers]


def in_a_child(call: str, *arguments: float | str) -> str:
    """What it says; it must have survived."""
    with child(call, *arguments, module="store_damage") as process:
        said, _ = process.communicate()
    assert process.returncode == 0, f"ended by {process.returncode} at {said.splitlines()[-1:]}"
    return said


def check_what_damage_came_to(said: str) -> collections.Counter[str]:
    lines = said.splitlines()
    came_to = collections.Counter(line.partition(": ")[2].partition(" ")[2] for line in lines)
    bad = [line for line in lines if not line.endswith((" right", " refused"))]
    assert came_to.keys() <= {"right", "refused"}, bad
    return came_to


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store whose last process died between its commits and their folding in."""
    file = tmp_path_factory.mktemp("killed") / "seen.duckdb"
    in_a_child("die_with_a_log", f"duckdb:///{file}")
    assert log_of(file).stat().st_size > 1000
    return file


@pytest.fixture
def with_a_log(duckdb_backend: Backend, killed: Path) -> Backend:
    """A copy of it."""
    duckdb_backend.path.parent.mkdir()
    shutil.copy(killed, duckdb_backend.path)
    shutil.copy(log_of(killed), log_of(duckdb_backend.path))
    return duckdb_backend


def test_random_damage_to_the_file_is_refused_or_does_not_matter(with_a_log: Backend) -> None:
    """DuckDB checks every block it reads; damage where it does not read harms nobody."""
    came_to = check_what_damage_came_to(in_a_child("damage_the_file", with_a_log.url, "quick", 12))
    assert came_to["refused"] > 5


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_a_thousand_damages_to_the_file_are_refused_or_do_not_matter(
    with_a_log: Backend, seed: str
) -> None:
    said = in_a_child("damage_the_file", with_a_log.url, seed, 1000)
    assert check_what_damage_came_to(said)["refused"] > 100


def test_random_damage_to_the_log_is_refused_or_costs_what_was_cut_off(
    with_a_log: Backend,
) -> None:
    came_to = check_what_damage_came_to(in_a_child("damage_the_log", with_a_log.url, "quick", 20))
    assert came_to["refused"] > 5


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_damages_to_the_log_are_refused_or_cost_what_was_cut_off(
    with_a_log: Backend,
) -> None:
    said = in_a_child("damage_the_log", with_a_log.url, "long", 1000)
    assert check_what_damage_came_to(said)["refused"] > 100


def refused(backend: Backend) -> str:
    """The words it is refused with, by readers as by writers."""
    with pytest.raises(StoreUnavailable, match="last night's copy"):
        take(backend.store(), 1, owner="b")
    with pytest.raises(StoreUnavailable) as told:
        backend.store().lookup([accession(1)])
    assert str(backend.path) in str(told.value)
    return str(told.value)


def foreign_text(_: Path) -> bytes:
    return b"accession,form\n" * 50


def a_few_letters(_: Path) -> bytes:
    return b"log"


def zeros(log: Path) -> bytes:
    return bytes(log.stat().st_size)


def an_sqlite_file(_: Path) -> bytes:
    return b"SQLite format 3\0" + bytes(4080)


def another_duckdb_file(log: Path) -> bytes:
    return log.with_name(log.name.removesuffix(".wal")).read_bytes()


def a_flip_in_the_middle(log: Path) -> bytes:
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    "replacement",
    [
        foreign_text,
        a_few_letters,
        zeros,
        an_sqlite_file,
        another_duckdb_file,
        a_flip_in_the_middle,
    ],
)
def test_what_is_no_log_of_the_file_is_refused_and_not_written_over(
    with_a_log: Backend, replacement: Callable[[Path], bytes]
) -> None:
    file, log = with_a_log.path, log_of(with_a_log.path)
    own, instead = log.read_bytes(), replacement(log)
    log.write_bytes(instead)
    before = file.read_bytes()
    assert log.name in refused(with_a_log)
    assert (file.read_bytes(), log.read_bytes()) == (before, instead)

    log.write_bytes(own)
    assert with_a_log.store().lookup([*map(accession, IN_THE_LOG)]).backlog == names(*IN_THE_LOG)


def test_the_log_of_another_store_or_time_is_refused_and_not_written_over(
    with_a_log: Backend, tmp_path: Path
) -> None:
    log = log_of(with_a_log.path)
    stale = log.read_bytes()
    take(with_a_log.store(), 300, owner="b")  # folds the log in
    assert not log.exists()
    other = Backend(f"duckdb:///{tmp_path}/other/seen.duckdb")
    take(other.store(), 1, owner="a")
    for backend in (with_a_log, other):
        before = backend.path.read_bytes()
        log_of(backend.path).write_bytes(stale)
        refused(backend)
        assert (backend.path.read_bytes(), log_of(backend.path).read_bytes()) == (before, stale)
        log_of(backend.path).unlink()
        assert take(backend.store(), 301, owner="b") == [301], "and without it all goes on"


def test_commits_in_the_log_of_a_killed_process_are_there(with_a_log: Backend) -> None:
    assert take(with_a_log.store(), *IN_THE_LOG, 1, owner="b") == []
    assert not log_of(with_a_log.path).exists()


def test_a_folder_where_the_file_its_log_or_its_lock_should_be_is_refused(
    with_a_log: Backend,
) -> None:
    lock = with_a_log.path.with_name(f"{with_a_log.path.name}.lock")
    lock.touch()
    for path in (with_a_log.path, log_of(with_a_log.path), lock):
        away = path.rename(path.with_name("away"))
        path.mkdir()
        refused(with_a_log)
        path.rmdir()
        away.rename(path)
    lock.unlink()
    assert take(with_a_log.store(), *IN_THE_LOG, 400, owner="b") == [400]
    assert lock.exists(), "a lock that is gone is made anew"


def test_a_file_put_back_from_a_backup_is_used_by_the_same_process(
    duckdb_backend: Backend, tmp_path: Path
) -> None:
    store = duckdb_backend.unremembering()
    take(store, 1, owner="a")
    backup = shutil.copy(duckdb_backend.path, tmp_path / "backup")
    duckdb_backend.path.write_bytes(b"damaged")
    with pytest.raises(StoreUnavailable, match="last night's copy"):
        store.lookup([accession(1)])
    shutil.copy(backup, duckdb_backend.path)
    assert store.lookup([accession(1)]).backlog == names(1)
    assert take(store, 2, owner="a") == [2]
