"""A copy of the store's file, which is believed only when all of it could be read.

DuckDB writes blocks of the file in place when it folds its log in, so a loss of power in
the middle of that may leave a file that cannot be opened any more. What has been analysed
since the copy is on file as answers, so a copy put back loses no payment.

A run that finds no store begins an empty one, within a minute of the loss. Outcomes are
never removed, so a store that has fewer than its copy is not the store that was copied,
and takes no place.
"""

import os
import shutil
from pathlib import Path
from typing import Final, LiteralString

import duckdb

from blocks.errors import StoreUnavailable
from blocks.store_duckdb import DuckDbWindow
from blocks.store_flock import turn

_PATIENCE_S: Final = 600.0  # for another run that is copying
_TABLES: LiteralString = "SELECT table_name FROM duckdb_tables()"
_ENDED: LiteralString = "SELECT count(DISTINCT k) FROM outcome"


def copy_of(file: Path) -> Path:
    """Where the copy of a store's file is kept."""
    return file.with_name(f"{file.name}.copy")


def copy_store(window: DuckDbWindow) -> Path:
    """Put a copy of the store in the place of the one before; where it is.

    The store is closed to everybody while its bytes are copied, and open again while
    the copy is read through.

    Raises:
        StoreUnavailable: the copy cannot be written or not be read, or has fewer
            outcomes than the one before, which stays.
    """
    copy = copy_of(window.path)
    try:
        # or one run's copy would be put in its place while another is writing it
        with turn(copy.with_name(f"{copy.name}.lock"), timeout_s=_PATIENCE_S):
            _replace(copy, window)
    except (duckdb.Error, OSError) as error:
        raise StoreUnavailable(
            f"The store {window.path} could not be copied: {error}. The copy before stays as "
            f"{copy.name}. If there is room on the disk, the store itself is damaged: let "
            "`make doctor` look at it, and put the copy in its place if it says so.",
            subject=str(window.path),
        ) from error
    return copy


def _replace(copy: Path, window: DuckDbWindow) -> None:
    unproved = copy.with_name(f"{copy.name}.new")
    try:
        with window.closed():
            shutil.copyfile(window.path, unproved)
        ended = _read_through(unproved)
        if ended < (before := _ended_before(copy)):
            raise StoreUnavailable(
                f"The store {window.path} was not copied: it has {ended} filings with an outcome, "
                f"and {copy.name} has {before}. Somebody, or a run that found none, has begun "
                f"another. Put the copy in its place, or delete it to keep this one.",
                subject=str(window.path),
            )
        with unproved.open("rb") as file:
            os.fsync(file.fileno())
        unproved.replace(copy)
    finally:
        unproved.unlink(missing_ok=True)


def _read_through(file: Path) -> int:
    """Read every value, so that DuckDB checks every block; how many filings have an outcome."""
    with duckdb.connect(file, read_only=True) as copy:
        for (table,) in copy.execute(_TABLES).fetchall():
            copy.execute(f'SELECT max(hash("{table}")) FROM "{table}"').fetchall()  # noqa: S608 - our own tables
        [(ended,)] = copy.execute(_ENDED).fetchall()
    return int(ended)


def _ended_before(copy: Path) -> int:
    """How many filings have an outcome in a copy; 0 where it is none."""
    try:
        with duckdb.connect(copy, read_only=True) as store:
            [(ended,)] = store.execute(_ENDED).fetchall()
    except duckdb.Error:  # nothing that could be put back
        return 0
    return int(ended)
