"""The shortest proof: killed where it hurts, on every way, and found whole by what comes next.

``make soak`` and ``python -m faults`` kill at every boundary there is.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from faults.audit import audited
from faults.boundaries import AT_HALF_PRICE, BATCH, BOUNDARIES, RSS
from faults.house import CONCURRENCY, House, opened
from faults.interpreter import Interpreter
from faults.schedules import schedule
from faults.table import DOCS, MARKETS, cells


@pytest.fixture
def house(interpreter: Interpreter, tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path, interpreter, seed=MARKETS[0]) as house:
        yield house


def test_calls_cut_off_in_the_middle_are_all_that_is_paid_again_and_the_other_path_goes_on(
    house: House,
) -> None:
    assert house.killed(RSS, "answer sent, not received", 3)
    assert house.killed(RSS, "in the record's transaction", 5, comeback="retry")
    assert house.recovers(BATCH) is not None
    audit = audited(house)
    assert audit.holds, audit
    cut_off, none = audit.ambiguous
    assert 1 <= cut_off <= CONCURRENCY
    assert none == 0
    assert sum(house.installation.model.paid_calls.values()) == cut_off + len(house.answers())


def test_half_an_answer_on_disk_is_none_and_a_retry_has_its_claims_at_once(house: House) -> None:
    assert house.killed(BATCH, "half of an answer written", 3)
    assert house.recovers(BATCH, comeback="retry") is not None
    audit = audited(house)
    assert audit.holds, audit
    _sees_what_is_broken(house)


def _sees_what_is_broken(house: House) -> None:
    """An audit that finds nothing must be one that could have."""
    whole, ledger = audited(house), house.installation.model.ledger
    ledger.add(replace(ledger.entries[0], at_s=0.0))
    assert audited(house).paid_twice == whole.paid_twice + 1
    house.backend.rows("DELETE FROM analysis WHERE k = (SELECT min(k) FROM analysis)")
    assert len(audited(house).bare) == 1
    house.backend.rows("DELETE FROM outcome WHERE k = (SELECT max(k) FROM outcome)")
    assert len(audited(house).lost) == 1
    house.backend.rows("INSERT INTO outcome SELECT * FROM outcome LIMIT 1")
    assert len(audited(house).doubled) == 1
    house.backend.rows("DELETE FROM spending")
    assert audited(house).booked_usd < whole.billed_usd


def test_a_batch_whose_run_died_before_it_knew_of_it_is_found_and_paid_once(
    house: House,
) -> None:
    assert house.killed(AT_HALF_PRICE, "batch created, not known of")
    assert house.recovers(AT_HALF_PRICE, comeback="retry") is not None
    audit = audited(house)
    assert audit.holds, audit
    assert audit.ambiguous == (0,)
    assert len(house.installation.model.batches.ids) == 1


def test_the_document_names_every_boundary_on_every_way_and_no_other() -> None:
    rows = re.findall(r"^\| ([^|*]+) \| `([^`|]+)` \|", DOCS.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((boundary.name, way) for boundary, way in cells())
    assert len({one.name for one in BOUNDARIES}) == len(BOUNDARIES)


def test_the_document_says_that_nothing_was_lost_and_nothing_paid_twice() -> None:
    [total] = re.findall(r"^\| \*\*all\*\* .*$", DOCS.read_text(), re.MULTILINE)
    _, _, kills, lost, paid_twice, ambiguous, *_ = (
        cell.strip() for cell in total[1:-1].split("|")
    )
    assert int(kills) >= len(list(cells()))
    assert (lost, paid_twice) == ("0", "0")
    cut_off, bound = map(int, ambiguous.split(" of "))
    assert cut_off <= bound


def test_a_seed_repeats_its_schedule() -> None:
    assert schedule(7) == schedule(7) != schedule(8)
