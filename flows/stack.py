"""The processes of one installation: Prefect's server and worker, and how they are set.

Everything an installation keeps (Prefect's database, the store, the answers)
lies below one state folder, so that two installations never meet.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import httpx

from blocks.errors import ConfigurationError
from blocks.settings import Settings

PROJECT: Final = Path(__file__).resolve().parent.parent
POOL: Final = "sec-filings"
START_LIMIT_S: Final = 120
STOP_LIMIT_S: Final = 15
EVENTS_KEPT: Final = timedelta(days=3)
HEARTBEAT_S: Final = 30  # how often a run shows that it lives; Prefect knows no less

# One commit for many task runs and events instead of one each: 7 ms instead of
# 27-46 ms of server time per task run (docs/decisions.md, "Prefect's server").
SERVER_BATCHING: Final = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
}


class Stack:
    """Server and worker as child processes; leaving the context ends both."""

    def __init__(self, state: Path, port: int, extra: Mapping[str, str] | None = None) -> None:
        self.state = state.resolve()
        self.port = port
        self.ui_url = f"http://127.0.0.1:{port}"
        self.api_url = f"{self.ui_url}/api"
        self._extra = dict(extra or {})
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        (self.state / "logs").mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children):  # the worker reports its end to the server
            _end(child)

    def environment(self) -> dict[str, str]:
        """The environment of every process of this installation."""
        return {
            **os.environ,
            **SERVER_BATCHING,
            **_pruning(Settings.from_environment().runs_kept),
            "PREFECT_HOME": str(self.state / "prefect"),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
            "PREFECT_WORKER_QUERY_SECONDS": "2",  # a run started by hand waits no longer
            "DO_NOT_TRACK": "1",
            # else a page of any other site, open in a browser here, could read the blocks' secrets
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{self.ui_url},http://localhost:{self.port}",
            **_past_the_proxy(os.environ),
            "SEC_STATE": str(self.state),
            **self._extra,
        }

    def start_server(self) -> None:
        """Start Prefect's server and wait until it answers.

        Raises:
            ConfigurationError: it did not come up; names its log.
        """
        server = self._start("server", "prefect", "server", "start", "--port", str(self.port))
        deadline = time.monotonic() + START_LIMIT_S
        while not answers(self.api_url):
            if server.poll() is not None or time.monotonic() > deadline:
                raise ConfigurationError(
                    f"Prefect's server did not come up on port {self.port}; see "
                    f"{self._log('server')}. If the port is taken, choose another: PORT=4300",
                    subject="PORT",
                )
            time.sleep(0.3)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start the process worker that executes the deployments' runs."""
        return self._start(
            "worker",
            *("prefect", "worker", "start", "--pool", POOL, "--type", "process"),
            *("--name", f"{POOL}-{self.port}", "--install-policy", "never"),
        )

    def run(self, *module_and_arguments: str) -> None:
        """Run a Python module of this installation to its end, quietly if it succeeds.

        Raises:
            ConfigurationError: it failed; the message is what it printed.
        """
        done = subprocess.run(  # noqa: S603 - our own interpreter and modules
            (sys.executable, "-m", *module_and_arguments),
            env=self.environment(),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ConfigurationError((done.stderr or done.stdout).strip())

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log(name).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                (sys.executable, "-m", *arguments),
                env=self.environment(),
                cwd=PROJECT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on, in order
            )
        self._children.append(child)
        return child

    def _log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"


def _pruning(runs_kept: timedelta | None) -> dict[str, str]:
    """What Prefect's server prunes by itself, once an hour; None: no runs.

    With a run go its days' runs, task runs, states, logs and artifacts. Events are most
    of what a run writes, and little of what a person looks at later.
    """
    events_kept = EVENTS_KEPT if runs_kept is None else min(EVENTS_KEPT, runs_kept)
    pruning = {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"PT{events_kept.total_seconds():.0f}S",
    }
    if runs_kept is not None:
        seconds = f"{runs_kept.total_seconds():.0f}"
        pruning["PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"] = "events,flow_runs"
        pruning["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] = seconds
    return pruning


def answers(api_url: str) -> bool:
    """Whether a Prefect server is healthy at this address."""
    try:
        return httpx.get(f"{api_url}/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _past_the_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Ask this machine itself directly: a proxy would be shown what blocks hold, in clear text."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = ",".join(filter(None, [given, "127.0.0.1", "localhost"]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
