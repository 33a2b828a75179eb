"""Installations for the doctor: one that has run, and a copy of it for each test to break."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from doctor_ward import DAY, SMALL, Ward
from installation import Installation, installed


@pytest.fixture(scope="session")
def has_run(
    prefect_server: None,  # noqa: ARG001 - the server must be up
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """An installation after an rss run and a batch run that certified the day."""
    with installed(SMALL, tmp_path_factory.mktemp("has-run")) as house:
        house.sec.now = SMALL.closes_at - timedelta(hours=2)
        house.run(source="rss")
        house.sec.now = SMALL.closes_at + timedelta(hours=7)
        house.run(source="batch", start_date=DAY)
        yield house


@pytest.fixture
def ward(has_run: Installation, tmp_path: Path) -> Ward:
    """A copy of it."""
    folder = tmp_path / "copy"
    shutil.copytree(has_run.folder, folder)
    return Ward(has_run, folder)
