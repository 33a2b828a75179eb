"""Each night's copy of the store: whole, proved, and of use when the store is lost."""

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import pytest
from installation import installed
from store_backends import Backend, take
from store_filings import enriched

from blocks.errors import StoreUnavailable
from blocks.store_copy import copy_of
from blocks.store_flock import turn
from sandbox.market_day import generated_day

OUTCOMES: LiteralString = "SELECT DISTINCT accession FROM outcome"


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend(f"duckdb:///{tmp_path / 'store.duckdb'}")


def spoil(file: Path) -> None:
    """Overwrite the middle of a file, as a write torn by a loss of power may."""
    with file.open("r+b") as store:
        store.seek(file.stat().st_size // 2)
        store.write(os.urandom(64 * 1024))


def test_a_copy_is_a_store_with_all_that_was_committed_before(backend: Backend) -> None:
    take(backend.store(), 1, 2, owner="run")
    copy = backend.store().make_copy()
    assert copy == copy_of(backend.path)
    take(backend.store(), 3, owner="run")
    copied = Backend(f"duckdb:///{copy}")
    assert copied.rows("SELECT count(*) FROM seen") == [(2,)]
    assert take(copied.store(), 2, 3, owner="another") == [3]


def test_a_store_that_cannot_be_read_through_leaves_the_copy_before(backend: Backend) -> None:
    take(backend.store(), *range(20_000), owner="run")
    backend.store().make_copy()
    copy = copy_of(backend.path)
    before = copy.read_bytes()
    spoil(backend.path)
    with pytest.raises(StoreUnavailable, match="make doctor"):
        backend.store().make_copy()
    assert copy.read_bytes() == before
    assert not list(backend.path.parent.glob("*.new"))


def test_a_folder_in_the_copys_place_is_said_and_costs_the_store_nothing(
    backend: Backend,
) -> None:
    take(backend.store(), 1, owner="run")
    copy_of(backend.path).mkdir()
    with pytest.raises(StoreUnavailable, match="could not be copied"):
        backend.store().make_copy()
    assert backend.rows("SELECT count(*) FROM seen") == [(1,)]


def test_a_store_that_was_begun_anew_does_not_cost_the_copy_of_the_lost_one(
    backend: Backend,
) -> None:
    """Within a minute of a loss the next rss run begins an empty store."""
    take(backend.store(), 1, 2, owner="run")
    backend.store().record([enriched(1), enriched(2)], [], owner="run")
    copy = backend.store().make_copy()
    backend.path.unlink()
    take(backend.store(), 2, owner="next")
    backend.store().record([enriched(2)], [], owner="next")
    with pytest.raises(StoreUnavailable, match="has 1 filings with an outcome"):
        backend.store().make_copy()
    assert Backend(f"duckdb:///{copy}").rows("SELECT count(*) FROM outcome") == [(2,)]
    assert not list(backend.path.parent.glob("*.new"))


def test_two_runs_that_copy_at_once_take_turns(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one would write the very file that the other has proved."""
    monkeypatch.setattr("blocks.store_copy._PATIENCE_S", 0.2)
    take(backend.store(), 1, owner="run")
    copy = copy_of(backend.path)
    with (
        turn(copy.with_name(f"{copy.name}.lock"), timeout_s=0),
        pytest.raises(StoreUnavailable, match="in use"),
    ):
        backend.store().make_copy()
    assert not copy.exists()
    assert backend.store().make_copy() == copy


@pytest.mark.usefixtures("prefect_server")
def test_batch_runs_copy_the_store_and_with_an_old_copy_put_back_nothing_is_paid_again(
    tmp_path: Path,
) -> None:
    day = generated_day(5, 8, noise=0)
    with installed(day, tmp_path) as house:
        file = house.store.file
        assert file is not None
        house.sec.now = day.closes_at - timedelta(hours=4)
        house.run(source="rss")
        assert not copy_of(file).exists()
        old = shutil.copy(house.store.make_copy() or "", tmp_path / "old")
        house.sec.now = day.closes_at + timedelta(hours=6, minutes=30)
        house.run(source="batch", start_date=day.day)
        known, paid = outcomes_in(file), house.model.paid_calls
        assert outcomes_in(Path(old)) < known == outcomes_in(copy_of(file))

        Path(old).replace(file)
        again = house.run(source="batch", start_date=day.day)
        assert (again.model_calls, again.notes) == (0, ())
        assert outcomes_in(file) == known
        assert house.model.paid_calls == paid

        copy_of(file).unlink()
        copy_of(file).mkdir()
        told = house.run(source="batch", start_date=day.day)
        assert "could not be copied" in " ".join(told.notes)


def outcomes_in(file: Path) -> set[str]:
    return {accession for (accession,) in Backend(f"duckdb:///{file}").rows(OUTCOMES)}
