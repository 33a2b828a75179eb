"""Every boundary on every way, on both stores, and random schedules: for ``make soak``.

``FAULTS_SEED`` and ``FAULTS_SCHEDULES`` choose the first random schedule and how many.
"""

import os
from pathlib import Path
from typing import Final

import pytest
from store_backends import Backend

from faults.audit import audited
from faults.boundaries import BATCH, BY_NAME, RSS, Boundary, Way
from faults.house import opened
from faults.interpreter import Interpreter
from faults.schedules import go_through, schedule
from faults.table import MARKETS, carried_out, cells

pytest_plugins = ["store_fixtures"]
pytestmark = pytest.mark.soak

FIRST_SEED: Final = int(os.environ.get("FAULTS_SEED", "1"))
SCHEDULES: Final = int(os.environ.get("FAULTS_SCHEDULES", "12"))
IN_THE_STORE: Final = (
    "in the claim's transaction",
    "claimed",
    "before the record",
    "in the record's transaction",
    "before its commit",
    "recorded",
)


@pytest.mark.parametrize(
    ("boundary", "way"), [pytest.param(*cell, id=f"{cell[0].name}, {cell[1]}") for cell in cells()]
)
def test_killed_at_any_boundary_nothing_is_lost_and_nothing_paid_twice(
    boundary: Boundary, way: Way, interpreter: Interpreter, tmp_path: Path
) -> None:
    cell = carried_out(boundary, way, tmp_path, interpreter)
    assert cell.holds, cell


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SCHEDULES))
def test_no_order_of_kills_and_faults_loses_anything_or_pays_twice(
    seed: int, interpreter: Interpreter, tmp_path: Path
) -> None:
    steps = schedule(seed)
    with opened(tmp_path, interpreter, seed=MARKETS[seed % len(MARKETS)]) as house:
        go_through(steps, house)
        audit = audited(house)
    assert audit.holds, "\n".join((f"FAULTS_SEED={seed}", *map(str, steps), str(audit)))


@pytest.mark.parametrize("name", IN_THE_STORE)
def test_postgres_keeps_the_same_promises(
    name: str, interpreter: Interpreter, tmp_path: Path, postgres_backend: Backend
) -> None:
    with opened(tmp_path, interpreter, seed=MARKETS[0], store_url=postgres_backend.url) as house:
        assert house.killed(RSS, name, BY_NAME[name].passages[0])
        assert house.recovers(BATCH, RSS) is not None
        audit = audited(house)
    assert audit.holds, audit
