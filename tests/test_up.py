"""`make up` as a person runs it: up, up again, Ctrl-C, and up once more."""

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from flows.stack import PROJECT, answers
from sandbox.demo import RSS, free_port
from sandbox.prefect_api import PrefectApi

pytestmark = pytest.mark.timeout(300)

COMING_UP_LIMIT_S: Final = 120
SEED: Final = {
    "SEC_USER_AGENT": "Tests tests@example.com",
    "SEC_BASE_URL": "http://127.0.0.1:1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",  # else a run waits up to ten for its worker
}


def command(state: Path, port: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "flows.up", "--state", str(state), "--port", str(port))


def up_to_its_end(state: Path, port: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command where it is expected to end by itself."""
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        command(state, port),
        cwd=PROJECT,
        env=os.environ | SEED | environment,
        capture_output=True,
        text=True,
        timeout=COMING_UP_LIMIT_S,
        check=False,
    )


@contextmanager
def coming_up(state: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command, wait until it says that it is up; with what it said."""
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command(state, port),
        cwd=PROJECT,
        env=os.environ | SEED,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child, said_until("Ctrl-C", child)
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)


def said_until(word: str, child: subprocess.Popen[str]) -> str:
    """What a command has printed up to the line with this word, or to its end."""
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        said += line
        if word in line:
            break
    return said


def children_of(pid: int) -> set[int]:
    """The processes below one, as the kernel lists them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    below = {int(child) for child in listed}
    return below.union(*(children_of(child) for child in below))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads Linux's /proc")
def test_up_stays_until_ctrl_c_ends_all_it_started_and_can_be_run_again(tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    with coming_up(state, port) as (first, said):
        assert f"http://127.0.0.1:{port}" in said, said
        assert answers(f"http://127.0.0.1:{port}/api")
        started = children_of(first.pid)
        assert len(started) >= 2, "server and worker"

        second = up_to_its_end(state, port)
        assert second.returncode == 0, second.stderr
        assert "Already up" in second.stdout
        assert first.poll() is None

        elsewhere = up_to_its_end(state, free_port())
        assert elsewhere.returncode == 1
        assert "PORT" in elsewhere.stderr

        run_id = a_run_at_work(port)
        started |= children_of(first.pid)
        began = time.monotonic()
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0
        assert time.monotonic() - began < 30
        assert [pid for pid in started if is_running(pid)] == []
        assert not answers(f"http://127.0.0.1:{port}/api")

    with coming_up(state, port) as (again, said):
        assert f"http://127.0.0.1:{port}" in said, said
        assert again.poll() is None
        with PrefectApi(f"http://127.0.0.1:{port}/api") as api:
            assert api.get(f"/flow_runs/{run_id}")["state_type"] == "CRASHED"
            next_run = api.get(f"/flow_runs/{a_run_at_work(port)}")
            assert next_run["state_type"] == "RUNNING", "the one place of rss is free again"


def a_run_at_work(port: int) -> str:
    """An rss run that works, as far as it gets with EDGAR out of reach.

    The schedule may have begun one before it was paused; one started beside it would be Cancelled.
    """
    with PrefectApi(f"http://127.0.0.1:{port}/api") as api:
        api.pause(RSS)
        run_id = begun(api) or api.start(RSS, {"poll_every_s": 0})
        deadline = time.monotonic() + COMING_UP_LIMIT_S
        while api.get(f"/flow_runs/{run_id}")["state_type"] in {"SCHEDULED", "PENDING"}:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    return run_id


def begun(api: PrefectApi) -> str | None:
    """The run that has the one place of rss."""
    at_work = {
        "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}},
        "deployments": {"id": {"any_": [api.deployment(RSS)["id"]]}},
    }
    return next((str(run["id"]) for run in api.post("/flow_runs/filter", at_work)), None)


def test_a_port_that_something_else_holds_is_said_with_the_remedy(tmp_path: Path) -> None:
    with something_else() as port:
        done = up_to_its_end(tmp_path / "state", port)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "PORT=" in done.stderr, "how to choose another"
    assert "Traceback" not in done.stderr


@pytest.mark.soak
def test_a_setup_that_fails_ends_what_was_started_and_says_why(tmp_path: Path) -> None:
    port = free_port()
    done = up_to_its_end(tmp_path / "state", port, SEC_USER_AGENT="")
    assert done.returncode == 1
    assert "SEC_USER_AGENT" in done.stderr
    assert "Traceback" not in done.stderr
    assert not answers(f"http://127.0.0.1:{port}/api")


@contextmanager
def something_else() -> Iterator[int]:
    """An HTTP server that is not Prefect's."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
