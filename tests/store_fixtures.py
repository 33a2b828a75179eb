"""The store's databases as fixtures: each test gets an empty one and must leave nothing open."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url
from store_backends import Backend

from blocks.store import SeenStore

_UNPRIVILEGED = "nobody"  # Postgres refuses to run as root


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """A Postgres on a Unix socket in a folder of its own, for as long as the tests run."""
    if not all(map(shutil.which, ("initdb", "pg_ctl", "postgres"))):
        pytest.skip("no Postgres binaries (initdb, pg_ctl, postgres) on the PATH")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, _UNPRIVILEGED)
        data, options = f"{folder}/data", f"-c listen_addresses= -c fsync=off -k {folder}"
        _run("initdb", "-D", data, "-U", "seen", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
        _run("pg_ctl", "-D", data, "-l", f"{folder}/log", "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://seen@/postgres?host={folder}"
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _run(*command: str) -> None:
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    subprocess.run(command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)  # noqa: S603 - our own words


@contextmanager
def _duckdb(tmp_path: Path) -> Iterator[Backend]:
    yield Backend(f"duckdb:///{tmp_path}/store/seen.duckdb")
    open_files = {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}
    left_open = {path for path in open_files if path.startswith(str(tmp_path))}
    assert not left_open, "no file handle outlives a transaction"


@contextmanager
def _postgres(address: str) -> Iterator[Backend]:
    schema = f"t{uuid.uuid4().hex}"
    socket = make_url(address).query["host"]
    with psycopg.connect(host=str(socket), user="seen", dbname="postgres", autocommit=True) as raw:
        raw.execute(f"CREATE SCHEMA {schema}".encode())
        yield Backend(f"{address}&options=-csearch_path%3D{schema}")
        idle = raw.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sec-filings'"
            " AND state LIKE 'idle in transaction%'"
        ).fetchone()
        assert idle == (0,), "no transaction outlives its method"
        raw.execute(f"DROP SCHEMA {schema} CASCADE".encode())


@pytest.fixture
def duckdb_backend(tmp_path: Path) -> Iterator[Backend]:
    with _duckdb(tmp_path) as backend:
        yield backend


@pytest.fixture
def postgres_backend(postgres_address: str) -> Iterator[Backend]:
    with _postgres(postgres_address) as backend:
        yield backend


@pytest.fixture(params=["duckdb", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each database in turn."""
    chosen: Backend = request.getfixturevalue(f"{request.param}_backend")
    return chosen


@pytest.fixture
def store(backend: Backend) -> SeenStore:
    return backend.store()
