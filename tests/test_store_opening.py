"""How the store is found, made and brought up to date; and what it leaves untouched."""

import copy
import fcntl
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

import duckdb
import psycopg
import pytest
from prefect_sqlalchemy import ConnectionComponents, SqlAlchemyConnector
from pydantic import SecretStr, ValidationError
from sqlalchemy.engine import make_url
from store_backends import Backend, take
from store_filings import accession, enriched, names

from blocks.errors import ConfigurationError, StoreTooNew, StoreUnavailable
from blocks.store import Lookup, SeenStore
from blocks.store_postgres import _ADVISORY_LOCK
from blocks.store_schema import _OURS, _TABLES, STEPS, Step, bring_up_to_date

pytest_plugins = ["store_fixtures"]


def store_at(address: str | ConnectionComponents, **fields: float) -> SeenStore:
    return SeenStore(connector=SqlAlchemyConnector(connection_info=address), **fields)


@pytest.mark.parametrize("known", range(len(STEPS) + 1))
def test_a_store_of_every_earlier_version_is_brought_up_to_date(
    backend: Backend, known: int
) -> None:
    store = backend.store()
    with store._window.transaction() as transaction:
        bring_up_to_date(transaction, dedicated=store._window.dedicated, steps=STEPS[:known])
    assert take(store, 1, owner="a") == [1]
    applied = backend.rows("SELECT version, name FROM schema_step ORDER BY version")
    assert applied == [(number, step.name) for number, step in enumerate(STEPS, 1)]


def test_a_store_of_a_later_version_is_refused_and_left_alone(backend: Backend) -> None:
    store = backend.store()
    later = (*STEPS, Step("from the future", ("CREATE TABLE hover (board TEXT)",)))
    with store._window.transaction() as transaction:
        bring_up_to_date(transaction, dedicated=store._window.dedicated, steps=later)
    with pytest.raises(StoreTooNew, match=rf"version {len(later)} .* knows {len(STEPS)}"):
        take(store, 1, owner="a")
    assert backend.rows("SELECT count(*) FROM seen") == [(0,)]


def test_a_step_that_fails_leaves_no_half_of_it(backend: Backend) -> None:
    store = backend.store()
    broken = (*STEPS, Step("broken", ("CREATE TABLE half (done TEXT)", "CREATE NONSENSE")))
    with (
        pytest.raises((duckdb.Error, psycopg.Error)),
        store._window.transaction() as transaction,
    ):
        bring_up_to_date(transaction, dedicated=store._window.dedicated, steps=broken)
    assert take(store, 1, owner="a") == [1]
    with pytest.raises((duckdb.Error, psycopg.Error)):
        backend.rows("SELECT * FROM half")


def test_tables_of_something_else_are_left_alone(backend: Backend) -> None:
    backend.rows("CREATE TABLE seen (film TEXT)")
    with pytest.raises(StoreUnavailable, match=r"something else \(seen\)"):
        take(backend.store(), 1, owner="a")
    assert backend.rows("SELECT * FROM seen") == []


def test_every_table_of_ours_is_known_by_name(backend: Backend) -> None:
    """Or one of something else would be met halfway through a step, and not named."""
    backend.store().lookup([accession(1)])
    assert {name for (name,) in backend.rows(_TABLES)} == _OURS | {"schema_step"}


def test_a_duckdb_file_of_another_program_is_left_alone(duckdb_backend: Backend) -> None:
    duckdb_backend.rows("CREATE TABLE films (name TEXT)")
    with pytest.raises(StoreUnavailable, match=r"something else \(films\)"):
        take(duckdb_backend.store(), 1, owner="a")


def test_a_postgres_database_may_hold_other_tables(postgres_backend: Backend) -> None:
    postgres_backend.rows("CREATE TABLE films (name TEXT)")
    assert take(postgres_backend.store(), 1, owner="a") == [1]


def damage_everything(data: bytes) -> bytes:
    return os.urandom(len(data))


def damage_the_end(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damage_the_blocks(data: bytes) -> bytes:
    return data[:12_288] + bytes(byte ^ 0x5A for byte in data[12_288:])


def empty(data: bytes) -> bytes:
    return data[:0]


@pytest.mark.parametrize("damage", [damage_everything, damage_the_end, damage_the_blocks, empty])
def test_a_damaged_file_is_reported_and_not_overwritten(
    duckdb_backend: Backend, damage: Callable[[bytes], bytes]
) -> None:
    store = duckdb_backend.store()
    take(store, *range(1, 200), owner="a")
    damaged = damage(duckdb_backend.path.read_bytes())
    duckdb_backend.path.write_bytes(damaged)
    with pytest.raises(StoreUnavailable, match="last night's copy") as refused:
        store.lookup([accession(1)])
    assert str(duckdb_backend.path) in str(refused.value)
    assert duckdb_backend.path.read_bytes() == damaged


@pytest.mark.parametrize("content", [b"accession,form\n", b"SQLite format 3\0" + bytes(4080)])
def test_a_file_that_is_no_duckdb_file_is_not_overwritten(
    duckdb_backend: Backend, content: bytes
) -> None:
    duckdb_backend.path.parent.mkdir()
    duckdb_backend.path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="not a valid DuckDB database file"):
        duckdb_backend.store().lookup([accession(1)])
    assert duckdb_backend.path.read_bytes() == content


def test_commits_left_behind_by_a_lost_file_are_not_thrown_away(duckdb_backend: Backend) -> None:
    duckdb_backend.path.parent.mkdir()
    log = duckdb_backend.path.with_name(duckdb_backend.path.name + ".wal")
    log.write_bytes(b"commits")
    with pytest.raises(StoreUnavailable, match="still holds commits"):
        duckdb_backend.store().lookup([accession(1)])
    assert log.read_bytes() == b"commits"


def test_a_birth_that_was_cut_short_is_begun_again(duckdb_backend: Backend) -> None:
    duckdb_backend.path.parent.mkdir()
    duckdb_backend.path.with_name(duckdb_backend.path.name + ".new").write_bytes(b"\0" * 100)
    assert take(duckdb_backend.store(), 1, owner="a") == [1]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="folder is writable"):
        store_at(f"duckdb:///{tmp_path}/file/seen.duckdb").lookup([accession(1)])
    with pytest.raises(StoreUnavailable, match="folder is writable"):
        store_at("duckdb:////proc/seen.duckdb").lookup([accession(1)])


def test_a_file_another_program_has_open_is_reported(duckdb_backend: Backend) -> None:
    store = duckdb_backend.store()
    take(store, 1, owner="a")
    # within one process DuckDB itself knows of the other instance
    with (
        duckdb.connect(duckdb_backend.path),
        pytest.raises(StoreUnavailable, match="no other program has the file open"),
    ):
        store.lookup([accession(2)])
    assert store.lookup([accession(1)]).backlog == names(1)


def test_nobody_waits_for_ever_on_a_stuck_process(duckdb_backend: Backend) -> None:
    store = duckdb_backend.store(lock_timeout_s=0.2)
    take(store, 1, owner="a")
    lock = duckdb_backend.path.with_name(duckdb_backend.path.name + ".lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match=rf"0\.2 s by process {os.getpid()}\b"):
            store.lookup([accession(2)])
    assert store.lookup([accession(1)]).backlog == names(1)


def test_nobody_waits_for_ever_on_a_stuck_thread(duckdb_backend: Backend) -> None:
    store = duckdb_backend.store(lock_timeout_s=0.1)
    with (
        store._window.transaction(),
        pytest.raises(StoreUnavailable, match="a thread of this process"),
    ):
        store.lookup([accession(1)])


def test_nobody_waits_for_ever_on_a_stuck_writer(postgres_backend: Backend) -> None:
    holder, waiter = postgres_backend.store(), postgres_backend.store(lock_timeout_s=0.2)
    take(holder, 1, owner="a")
    with holder._window.transaction() as transaction:
        transaction.exclusive()
        [(process,)] = transaction.rows("SELECT pg_backend_pid()")
        with pytest.raises(StoreUnavailable, match=f"server process {process} of sec-filings"):
            take(waiter, 2, owner="b")
        assert waiter.lookup([accession(1)]).backlog == names(1), "readers do not wait"
    assert _ADVISORY_LOCK < 2**31, "so that the holder is found by the lower half of the key"


def test_a_forked_process_is_told_to_be_spawned(duckdb_backend: Backend) -> None:
    store = duckdb_backend.store()
    take(store, 1, owner="a")
    child = os.fork()
    if child == 0:
        try:
            store.lookup([accession(2)])
        except StoreUnavailable as refused:
            os._exit(0 if "spawn it" in str(refused) else 2)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.lookup([accession(1)]).backlog == names(1)


def test_an_unreachable_postgres_is_reported_without_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    address = f"postgresql+psycopg://me:hunter%402@127.0.0.1:{port}/filings"
    store = store_at(address)
    with pytest.raises(StoreUnavailable, match="server runs") as refused:
        store.lookup([accession(1)])
    for shown in (str(refused.value), repr(refused.value.__cause__), repr(store), str(store)):
        assert "hunter" not in shown


def test_a_wrong_connection_option_is_reported(postgres_backend: Backend) -> None:
    with pytest.raises(StoreUnavailable, match="invalid"):
        store_at(postgres_backend.url + "&flux=1.21").lookup([accession(1)])


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///seen.db",
        "postgresql://me:hunter2@localhost/filings",
        "duckdb:///:memory:",
        "duckdb://",
        "duckdb://host/seen.duckdb",
        "duckdb:///seen.duckdb?motherduck_token=hunter2",
    ],
)
def test_an_address_that_cannot_hold_a_store_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigurationError, match="duckdb:///PATH") as refused:
        store_at(address)
    assert "hunter2" not in str(refused.value)


def test_settings_out_of_range_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="max_attempts"):
        store_at(f"duckdb:///{tmp_path}/seen.duckdb", max_attempts=0)
    with pytest.raises(ValidationError, match="lock_timeout_s"):
        store_at(f"duckdb:///{tmp_path}/seen.duckdb", lock_timeout_s=0)


def test_components_are_as_good_as_an_address(tmp_path: Path) -> None:
    parts = ConnectionComponents(driver="duckdb", database=str(tmp_path / "it's" / "seen.duckdb"))
    assert take(store_at(parts), 1, owner="a") == [1]


def test_components_keep_the_password_for_postgres_only(postgres_backend: Backend) -> None:
    url = make_url(postgres_backend.url)
    parts = ConnectionComponents(
        driver=url.drivername,
        username=url.username,
        password=SecretStr("hunter2"),
        database=url.database,
        query=dict(url.query),
    )
    store = store_at(parts)
    assert take(store, 1, owner="a") == [1]
    assert "hunter2" not in repr(store)


def through_pickle(store: SeenStore) -> SeenStore:
    return cast("SeenStore", pickle.loads(pickle.dumps(store)))  # noqa: S301 - pickled right here


@pytest.mark.parametrize("again", [copy.deepcopy, through_pickle])
def test_a_copy_takes_no_connection_along(
    backend: Backend, again: Callable[[SeenStore], SeenStore]
) -> None:
    store = backend.store()
    take(store, 1, owner="a")
    copied = again(store)
    assert take(copied, 1, 2, owner="b") == [2]
    assert store.lookup([accession(2)]).backlog == names(2)


def test_two_stores_in_one_process_share_a_file(duckdb_backend: Backend) -> None:
    first, second = duckdb_backend.store(), duckdb_backend.store()
    for number in range(1, 4):
        assert take(first, number, owner="a") == [number]
        assert take(second, number, owner="b") == []


def test_a_file_that_vanished_is_made_anew(duckdb_backend: Backend) -> None:
    store = duckdb_backend.store()
    take(store, 1, owner="a")
    duckdb_backend.path.unlink()
    assert store.lookup([accession(1)]) == Lookup()


def test_who_opens_the_file_by_hand_finds_readable_analyses(duckdb_backend: Backend) -> None:
    store = duckdb_backend.store()
    take(store, 1, owner="a")
    store.record([enriched(1)], [], owner="a")
    with duckdb.connect(duckdb_backend.path, read_only=True) as by_hand:
        found = by_hand.execute("SELECT accession, ticker, sentiment FROM analyses").fetchall()
    assert found == [(accession(1), "ONS", 0.7)]
