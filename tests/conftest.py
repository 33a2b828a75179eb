"""What every test may ask for. Sockets beyond loopback are refused by pytest-socket."""

from pathlib import Path

import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "edgar"


@pytest.fixture(scope="session")
def edgar_captures() -> Path:
    """The folder of real EDGAR captures, which is not part of this repository."""
    if not CAPTURES.is_dir():
        pytest.skip("the folder of real EDGAR captures (../shared/edgar) is not here")
    return CAPTURES
