"""What every test may ask for. Sockets beyond loopback are refused by pytest-socket."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from examples import SOAK
from hypothesis import settings
from prefect.settings import (
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from flows.stack import SERVER_BATCHING

_TABLES = pytest.StashKey[dict[str, list[str]]]()
CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "edgar"
NO_AUTHORITY = Path(__file__).with_name("no_authority.pem")
NOT_OF_USE = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}


def pytest_configure() -> None:
    """Spare every HTTP client the list of trusted authorities: no test speaks TLS.

    Prefect, httpx and the openai client read it for each client, 20 to 35 ms of processor time,
    and installing and running the flow once makes some fifteen.
    """
    os.environ["SSL_CERT_FILE"] = str(NO_AUTHORITY)


settings.register_profile(SOAK, settings.get_profile("default"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no process is left alone with one at the end.

    Those are the ones that ask for more time than usual, and then the ones that run the flow.
    """
    soonest: dict[Path, int] = {}
    for item in items:
        turn = 0 if item.get_closest_marker("timeout") else 1 if _runs_the_flow(item) else 2
        soonest[item.path] = min(turn, soonest.get(item.path, turn))
    items.sort(key=lambda item: soonest[item.path])


def _runs_the_flow(item: pytest.Item) -> bool:
    return "prefect_server" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def edgar_captures() -> Path:
    """The folder of real EDGAR captures, which is not part of this repository."""
    if not CAPTURES.is_dir():
        pytest.skip("the folder of real EDGAR captures (../shared/edgar) is not here")
    return CAPTURES


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str, list[str]], None]:
    """Give a title and lines, to be printed when all tests have run."""

    def keep(title: str, lines: list[str]) -> None:
        request.config.stash.setdefault(_TABLES, {})[title] = lines

    return keep


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand on what the tests of a parallel process reported."""
    sent: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if sent is not None:
        sent["tables"] = session.config.stash.get(_TABLES, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ANN401, ARG001 - xdist's
    """Take over what a parallel process reported; one that crashed has nothing to say."""
    sent = getattr(node, "workeroutput", {})
    node.config.stash.setdefault(_TABLES, {}).update(sent.get("tables", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests reported, whatever the verbosity."""
    for title, lines in terminalreporter.config.stash.get(_TABLES, {}).items():
        terminalreporter.section(title, sep="-")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One temporary Prefect server for all tests that run the flow, batching as ours does.

    Without heartbeats: a run waits up to a second for their thread to end.
    """
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in (SERVER_BATCHING | NOT_OF_USE).items():
                environment.setenv(name, value)
            stack.enter_context(prefect_test_harness(server_startup_timeout=120))
        spared = {
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
            PREFECT_LOGGING_TO_API_ENABLED: False,
            PREFECT_API_SSL_CERT_FILE: str(NO_AUTHORITY),
        }
        stack.enter_context(temporary_settings(spared))
        yield
