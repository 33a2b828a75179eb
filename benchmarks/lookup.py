"""Dedup lookup of one frame: from memory, in one statement, and one query per filing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
from prefect_sqlalchemy import SqlAlchemyConnector

from benchmarks.tables import Table, ratio
from benchmarks.timing import medians_s
from blocks.models import accession_key
from blocks.store import SeenStore

FRAME: Final = 137
SIZES: Final = (100_000, 5_000_000)
ROUNDS: Final = 3

_MEMORY = "the LRU, every filing remembered"
_STORE = "the store, one statement a frame"
_KEPT = "one query a filing, connection kept"
_OPENED = "one query a filing, opened for each"

# The same rule as in spread(): a thousand filings per agent, all of 2025.
_SEED = """
INSERT INTO seen (k, done_at, done_by, attempts, found_by)
SELECT 350000000000000000 + (1000000 + i // 1000) * 1000000 + i % 1000,
  now(), 'seed', 1, 'feed'
FROM range(?) AS made(i)"""
_ONE = "SELECT 1 FROM seen WHERE k = ?"


@dataclass(frozen=True)
class Lookups:
    """Median seconds of looking a frame up, by way, in a store of so many rows."""

    rows: int
    frame: int
    taken_s: dict[str, float]


def tables(folder: Path) -> Iterable[Table]:
    """Measure at every size, and set the ways side by side."""
    return [table([measure(folder, rows, FRAME, ROUNDS) for rows in SIZES])]


def measure(folder: Path, rows: int, frame: int, rounds: int) -> Lookups:
    """Look the same accessions up in every way; all of them have an outcome."""
    path = folder / f"seen-{rows}.duckdb"
    remembering = seeded_store(path, rows)
    forgetful = remembering.with_switches(lru_enabled=False, lru_size=1, ttl=None)
    accessions = spread(rows, frame)
    taken_s = medians_s(_ways(path, remembering, forgetful, accessions), rounds)
    path.unlink()
    return Lookups(rows, frame, taken_s)


def seeded_store(path: Path, rows: int) -> SeenStore:
    """A store with this many outcomes on record."""
    connector = SqlAlchemyConnector(connection_info=f"duckdb:///{path}")
    store = SeenStore(connector=connector)
    store.parked()  # makes the tables
    with duckdb.connect(path) as connection:
        connection.execute(_SEED, [rows])
    return store


def spread(rows: int, frame: int) -> list[str]:
    """Accession numbers of a seeded store, evenly from all over it."""
    numbers = [number * rows // frame for number in range(frame)]
    return [f"{1_000_000 + n // 1000:010d}-25-{n % 1000:06d}" for n in numbers]


def _ways(
    path: Path, remembering: SeenStore, forgetful: SeenStore, accessions: Sequence[str]
) -> dict[str, Callable[[], object]]:
    keys = [accession_key(accession) for accession in accessions]
    return {
        _MEMORY: lambda: remembering.lookup(accessions),
        _STORE: lambda: forgetful.lookup(accessions),
        _KEPT: lambda: _asked_one_by_one(path, keys),
        _OPENED: lambda: [_asked_one_by_one(path, [key]) for key in keys],
    }


def _asked_one_by_one(path: Path, keys: Iterable[int]) -> list[bool]:
    with duckdb.connect(path) as connection:
        return [bool(connection.execute(_ONE, [key]).fetchall()) for key in keys]


def table(measured: Sequence[Lookups]) -> Table:
    """Microseconds per filing, and how many times the store's one statement that is."""
    frame = measured[0].frame
    header = ["way"]
    for size in measured:
        header += [f"{size.rows:,} rows", "ratio"]
    rows = [(way, *_cells(way, measured)) for way in measured[0].taken_s]
    notes = ("us per filing, medians; ratio to one statement a frame",)
    return Table(f"lookup: {frame} filings, all seen before", tuple(header), rows, notes)


def _cells(way: str, measured: Sequence[Lookups]) -> Iterable[str]:
    for size in measured:
        yield f"{size.taken_s[way] / size.frame * 1e6:,.1f}"
        yield ratio(size.taken_s[way], size.taken_s[_STORE])
