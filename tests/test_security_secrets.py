"""Secrets stay where they were put: planted in every place that takes one, looked for everywhere.

One real installation, whose model, price source and store each fail with the secret in
their answer. A proxy's address stands in its environment, and what reaches that proxy is kept.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from flows.stack import Stack
from sandbox import faults
from sandbox.demo import free_port, seeds, stand_ins
from sandbox.ledger import Ledger
from sandbox.loopback import LoopbackServer, Request, Response
from sandbox.market_day import bundled_day
from sandbox.model import StandInModel
from sandbox.prefect_api import PrefectApi
from sandbox.sec import StandInSec

RSS, BATCH = "sec_filings/rss", "sec_filings/batch"
API_KEY: Final = "sk-planted-0a61-key-of-the-model"
PRICE_TOKEN: Final = "tok-planted-1b72-of-the-prices"  # noqa: S105 - planted
STORE_PASSWORD: Final = "pw-planted-2c83-of-the-store"  # noqa: S105 - planted
PROXY_PASSWORD: Final = "pw-planted-4ea5-of-the-proxy"  # noqa: S105 - planted
SECRETS: Final = (API_KEY, PRICE_TOKEN, STORE_PASSWORD, PROXY_PASSWORD)

pytestmark = [pytest.mark.timeout(600), pytest.mark.soak]


class Elsewhere(LoopbackServer):
    """A server that nobody configured: what it is asked is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Ledger[str] = Ledger()

    def answer(self, request: Request) -> Response:
        self.asked.add(f"{request.method} {request.target} {request.headers}")
        return Response(b"no", 404)


@dataclass(frozen=True)
class Leaky:
    """An installation after its bad day."""

    stack: Stack
    api: PrefectApi
    proxy: Elsewhere
    elsewhere: Elsewhere
    runs: dict[str, dict[str, Any]]
    command_lines: bytes


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaky]:
    folder = tmp_path_factory.mktemp("state")
    with (
        stand_ins() as (sec, model),
        Elsewhere() as proxy,
        Elsewhere() as elsewhere,
        _stack(folder, sec, model, proxy) as (stack, extra, api),
    ):
        model.latency_s = 0.0
        stack.run("flows.setup")
        for name in (RSS, BATCH):
            api.pause(name)
        stack.start_worker()
        runs = {}
        sec.faults.add(faults.status(500, f"no: {PRICE_TOKEN}".encode()), match="prices", times=9)
        runs["without prices"] = _run(api, RSS, polls=1)
        sec.faults.clear()
        for fault in _echoes(elsewhere):
            model.faults.add(fault)
        runs["with echoes"] = _run(api, RSS, polls=1)
        runs["plan"] = _run(api, BATCH, start_date=str(bundled_day().day), plan_only=True)
        command_lines = _command_lines()
        _moved_to_a_store_that_refuses(stack, extra)
        runs["without a store"] = _run(api, BATCH, start_date=str(bundled_day().day))
        yield Leaky(stack, api, proxy, elsewhere, runs, command_lines)


@contextmanager
def _stack(
    folder: Path, sec: StandInSec, model: StandInModel, proxy: Elsewhere
) -> Iterator[tuple[Stack, dict[str, str], PrefectApi]]:
    through = proxy.url.replace("http://", f"http://operator:{PROXY_PASSWORD}@")
    extra = seeds(sec, model) | {
        "OPENAI_API_KEY": API_KEY,
        "SEC_PRICES": f"{sec.url}/prices.csv?token={PRICE_TOKEN}",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), through),
    }
    with Stack(folder, free_port(), extra) as stack:
        stack.start_server()
        with PrefectApi(stack.api_url) as api:
            yield stack, extra, api


def _echoes(elsewhere: Elsewhere) -> Iterator[faults.Fault]:
    """Ways of the endpoint to give the key back."""
    told = json.dumps({"error": {"message": f"bad key {API_KEY}", "code": API_KEY}}).encode()
    yield faults.status(500, told)
    yield faults.status(422, told)
    yield faults.status(200, told)
    yield faults.status(200, f"<html><title>{API_KEY}</title>".encode())
    yield faults.status(200, json.dumps({"choices": [{"message": API_KEY}]}).encode())
    yield faults.status(307, told, {"Location": f"{elsewhere.url}/?key={API_KEY}"})


def _run(api: PrefectApi, name: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
    return api.wait(api.start(name, parameters), 300)


def _moved_to_a_store_that_refuses(stack: Stack, extra: dict[str, str]) -> None:
    """Set up with a store that is not there, its password among the options."""
    url = f"postgresql+psycopg://me@127.0.0.1:9/filings?password={STORE_PASSWORD}"
    Stack(stack.state, stack.port, extra | {"SEC_STORE_URL": url}).run("flows.setup")


def _command_lines() -> bytes:
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes()
        except OSError:  # it has ended
            continue
    return found


def test_the_bad_day_was_one(leaky: Leaky) -> None:
    """What the tests beside this one look for was really sent back, and really stored."""
    states = {name: run["state_type"] for name, run in leaky.runs.items()}
    assert states["without prices"] == states["without a store"] == "FAILED", leaky.runs
    assert states["plan"] == "COMPLETED"
    assert "prices.csv" in leaky.runs["without prices"]["state"]["message"]
    assert "failed" in leaky.runs["with echoes"]["state"]["message"]
    shown = json.dumps(leaky.api.post("/block_documents/filter", {"include_secrets": True}))
    assert [secret in shown for secret in (API_KEY, PRICE_TOKEN, STORE_PASSWORD)] == [True] * 3


THINGS: Final = (
    *("flow_runs", "task_runs", "logs", "artifacts", "block_documents", "deployments"),
    *("work_pools", "events", "variables", "automations", "concurrency_limits"),
)


@pytest.mark.parametrize("things", THINGS)
def test_no_answer_of_the_api_shows_a_secret(leaky: Leaky, things: str) -> None:
    found, offset = "", 0
    while page := json.dumps(leaky.api.post(f"/{things}/filter", {"offset": offset})):
        found += page
        offset += 200
        if things in {"events", "automations"} or len(json.loads(page)) < 200:
            break
    assert [secret for secret in SECRETS if secret in found] == []


def test_no_state_of_a_run_shows_a_secret(leaky: Leaky) -> None:
    for run in leaky.runs.values():
        found = json.dumps(leaky.api.get(f"/flow_run_states/?flow_run_id={run['id']}"))
        assert "Running" in found
        assert [secret for secret in SECRETS if secret in found] == []


def test_no_file_of_the_installation_holds_a_secret(leaky: Leaky) -> None:
    """Nor Prefect's database: block documents are encrypted in it."""
    files = [path for path in leaky.stack.state.rglob("*") if path.is_file()]
    assert {"prefect.db", "worker.log", "server.log", "store.duckdb"} <= {f.name for f in files}
    found = {
        (path.name, secret)
        for path in files
        for secret in SECRETS
        if secret.encode() in path.read_bytes()
    }
    assert found == set()


def test_no_command_line_holds_a_secret(leaky: Leaky) -> None:
    assert b"prefect" in leaky.command_lines
    assert [secret for secret in SECRETS if secret.encode() in leaky.command_lines] == []


def test_no_host_is_asked_that_nobody_configured(leaky: Leaky) -> None:
    """Whatever would leave this machine would go through the proxy: nothing does."""
    assert leaky.elsewhere.asked.entries == ()
    assert leaky.proxy.asked.entries == ()


def test_a_page_of_another_site_may_not_read_the_api(leaky: Leaky) -> None:
    def allowed(origin: str) -> str | None:
        url = f"{leaky.stack.api_url}/health"
        answered = httpx.get(url, headers={"Origin": origin}).headers
        return (
            str(answered["access-control-allow-origin"])
            if ("access-control-allow-origin" in answered)
            else None
        )

    assert allowed("https://evil.example") is None
    assert allowed(leaky.stack.ui_url) == leaky.stack.ui_url


def test_all_that_listens_does_so_on_loopback(leaky: Leaky) -> None:
    ours = {
        path.parent.parent
        for path in Path("/proc").glob("[0-9]*/fd/*")
        if _of(leaky.stack.state, path.parent.parent)
    }
    sockets = {_target(path) for process in ours for path in (process / "fd").iterdir()}
    listening = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    addresses = {line[1] for line in listening if f"socket:[{line[9]}]" in sockets}
    assert f"0100007F:{leaky.stack.port:04X}" in addresses
    assert {address.split(":")[0] for address in addresses} == {"0100007F"}


def _of(state: Path, process: Path) -> bool:
    try:
        return f"SEC_STATE={state}".encode() in (process / "environ").read_bytes()
    except OSError:  # another user's, or ended
        return False


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # closed since
        return ""
