"""What every test may ask for. Sockets beyond loopback are refused by pytest-socket."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

_TABLES = pytest.StashKey[dict[str, list[str]]]()
CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "edgar"


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
    """One temporary Prefect server for all tests that run the flow.

    Without heartbeats: a run waits up to a second for their thread to end.
    """
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield
