"""What every test may ask for. Sockets beyond loopback are refused by pytest-socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "edgar"


@pytest.fixture(scope="session")
def edgar_captures() -> Path:
    """The folder of real EDGAR captures, which is not part of this repository."""
    if not CAPTURES.is_dir():
        pytest.skip("the folder of real EDGAR captures (../shared/edgar) is not here")
    return CAPTURES


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
