"""The processes of one installation: Prefect's server and worker, and how they are set.

Everything an installation keeps (Prefect's database, the store, the answers)
lies below one state folder, so that two installations never meet.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import httpx

from blocks.errors import ConfigurationError

PROJECT: Final = Path(__file__).resolve().parent.parent
POOL: Final = "sec-filings"
START_LIMIT_S: Final = 120
STOP_LIMIT_S: Final = 15
HEARTBEAT_S: Final = 30  # how often a run shows that it lives; Prefect knows no less

# One commit for many task runs and events instead of one each: 7 ms instead of
# 27-46 ms of server time per task run (docs/decisions.md, "Prefect's server").
_SERVER_BATCHING: Final = {
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
            **_SERVER_BATCHING,
            "PREFECT_HOME": str(self.state / "prefect"),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
            "PREFECT_WORKER_QUERY_SECONDS": "2",  # a run started by hand waits no longer
            "DO_NOT_TRACK": "1",
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


def answers(api_url: str) -> bool:
    """Whether a Prefect server is healthy at this address."""
    try:
        return httpx.get(f"{api_url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
