"""A world for a soak: Prefect's server, stand-ins, a process of flow runs, and passing days.

The pruning of Prefect's server leaves alone what is younger than an hour, whatever it
is told. So days do not go by here, the past moves away: all that is kept is made a day older.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
from installation import Installation, installed
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.stack import PROJECT, Stack
from flows.upkeep import Upkeep
from sandbox.demo import free_port, seeds
from sandbox.market import Market
from sandbox.prefect_api import PrefectApi

DAY_S: Final = 86_400
KEPT_DAYS: Final = 2
ANSWER_TTL_HOURS: Final = 0.05  # of the real clock: three minutes
# pruning that comes by every 20 s instead of every hour: it is still the server's own
_SERVER: Final = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEPT_DAYS * DAY_S),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{KEPT_DAYS}D",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "20",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ORPHAN_CLEANUP_LOOP_SECONDS": "60",
}
_SWITCHES: Final = {
    "SEC_KEEP_RUNS_DAYS": str(KEPT_DAYS),
    "SEC_LLM_CACHE_TTL_HOURS": str(ANSWER_TTL_HOURS),
}
_AGED: Final = {
    "flow_run": ("created", "expected_start_time", "start_time", "end_time"),
    "events": ("occurred",),
    "event_resources": ("occurred",),
}


@dataclass(frozen=True)
class World:
    """What a soak works with, and what it measures."""

    folder: Path
    house: Installation
    stack: Stack
    server: "subprocess.Popen[bytes]"
    flows: "subprocess.Popen[str]"

    def run(self, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - any of the flow
        """Run the flow in its process; state, message and seconds."""
        assert self.flows.stdin is not None
        assert self.flows.stdout is not None
        self.flows.stdin.write(json.dumps({"profile": self.house.profile, **parameters}) + "\n")
        self.flows.stdin.flush()
        ended: dict[str, Any] = json.loads(self.flows.stdout.readline())
        return ended

    @property
    def prefect_db(self) -> Path:
        return self.stack.state / "prefect" / "prefect.db"

    def rows(self, table: str) -> int:
        """Rows of a table of Prefect's."""
        with closing(sqlite3.connect(self.prefect_db, timeout=60)) as database:
            (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(count)

    def let_a_day_pass(self) -> None:
        """Look after the installation as `make up` does, and a day is over.

        Makes all that is kept a day older; to be called while no run is at work.
        """
        Upkeep(self.stack.state, timedelta(days=KEPT_DAYS)).look()
        with closing(sqlite3.connect(self.prefect_db, timeout=60)) as database:
            for table, columns in _AGED.items():
                for column in columns:
                    database.execute(
                        f"UPDATE {table} SET {column} = "  # noqa: S608 - our own names
                        f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-1 day') "
                        f"WHERE {column} IS NOT NULL"
                    )
            database.commit()
        with duckdb.connect(self.house.folder / "store.duckdb") as store:
            store.execute("UPDATE failure SET failed_at = failed_at - INTERVAL 1 DAY")
        kept = ("house/answers", "state/prefect/storage", "state/prefect/dlq")
        for path in (one for place in kept for one in files_below(self.folder / place)):
            a_day_before = path.stat().st_mtime - DAY_S
            os.utime(path, (a_day_before, a_day_before))


@contextmanager
def a_world(market: Market, folder: Path) -> Iterator[World]:
    """Start it all; ends with the context."""
    with Stack(folder / "state", free_port(), _SERVER) as stack:
        stack.start_server()
        (server,) = stack._children
        with (
            temporary_settings({PREFECT_API_URL: stack.api_url}),
            installed(market, folder / "house") as house,
            open_flows(stack, folder / "flows.log") as flows,
        ):
            yield World(folder, house, stack, server, flows)


def set_up(stack: Stack, house: Installation) -> None:
    """Deployments and automation as `make up` makes them; their schedules rest."""
    seeded = Stack(stack.state, stack.port, seeds(house.sec, house.model))
    seeded.run("flows.setup")
    with PrefectApi(stack.api_url) as api:
        for name in ("sec_filings/rss", "sec_filings/batch"):
            api.pause(name)


@contextmanager
def open_flows(stack: Stack, log: Path) -> Iterator["subprocess.Popen[str]"]:
    """The process that runs the flow; without heartbeats, whose end a run waits a second for."""
    environment = stack.environment() | _SWITCHES
    environment["PYTHONPATH"] = os.pathsep.join((str(PROJECT), str(PROJECT / "tests")))
    del environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]
    with (
        log.open("wb") as said,
        subprocess.Popen(
            (sys.executable, "-c", "import soak_child; soak_child.runs()"),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as child,
    ):
        yield child
        assert child.stdin is not None
        child.stdin.close()


def resident_mb(pid: int) -> float:
    """Memory of a process and all below it, in MB."""
    tree = [pid]
    for one in tree:
        tree += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    pages = (int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree)
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def megabytes(*paths: Path) -> float:
    return sum(path.stat().st_size for path in paths if path.exists()) / 1e6
