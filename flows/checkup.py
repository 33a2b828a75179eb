"""An installation examined: store, answer folder, and each by the other. Nothing is written."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Final

from blocks.answer_inventory import Inventory, KeptFile, Kind, inventory_of
from blocks.answers import AnswerFolder
from blocks.errors import ConfigurationError
from blocks.models import eastern_day, utc_now
from blocks.settings import Settings
from blocks.store import SeenStore
from blocks.store_health_values import AnswerName, StoreState
from tasks.answer_cache import read_kept
from tasks.check_answers import (
    FileFact,
    check_files,
    check_missing,
    fault_of,
    not_on_file,
)
from tasks.check_days import check_days
from tasks.check_leftovers import check_leftovers, overdue_notes
from tasks.check_lost_store import lost_store
from tasks.check_store import check_store
from tasks.findings import Finding

AT_ONCE: Final = 500  # answers in memory


@dataclass(frozen=True)
class Patient:
    """What is examined, under the operators' switches."""

    store: SeenStore
    answers: AnswerFolder
    settings: Settings


@dataclass(frozen=True)
class Checkup:
    """What was found, and what mending needs of it; ``state`` None: the store is gone."""

    findings: tuple[Finding, ...]
    inventory: Inventory
    state: StoreState | None = None
    files: tuple[FileFact, ...] = ()
    not_on_file: tuple[AnswerName, ...] = ()


def examine(patient: Patient) -> Checkup:
    """Look at all of it.

    Files are listed before the store is asked, and an answer is written before it is
    recorded; so a run that is at work meanwhile makes nothing look amiss.

    Raises:
        StoreError: the store cannot be opened or read.
        AnswerCacheUnusable: the answer folder cannot be read.
        ConfigurationError: there is neither a store nor an answer.
    """
    inventory = inventory_of(patient.answers)
    if (gone := _lost_file(patient.store)) is not None:
        return _without_a_store(gone, patient, inventory)
    state = patient.store.health.examine(patient.settings.seen_ttl)
    of_the_store = check_store(state, patient.store.max_attempts)
    if state.missing:
        return Checkup(of_the_store, inventory, state)
    files = tuple(_faults(patient, inventory))
    missing = _not_on_file(patient, state)
    now = utc_now()
    findings = (
        *of_the_store,
        *check_days(state.days, eastern_day(now)),
        *check_files(files),
        *check_missing(missing),
        *_leftovers(patient, inventory, now),
    )
    return Checkup(findings, inventory, state, files, missing)


def _lost_file(store: SeenStore) -> Path | None:
    """The store's file, if it is not there; one whose log is left is not lost but damaged."""
    file = store.file
    if file is None or file.exists() or file.with_name(f"{file.name}.wal").exists():
        return None
    return file


def _without_a_store(gone: Path, patient: Patient, inventory: Inventory) -> Checkup:
    answers = inventory.of(Kind.ANSWER)
    if not answers:
        raise ConfigurationError(
            f"there is no store at {gone} and no answer in {patient.answers.root}: nothing has "
            "run here yet, or this is not the state folder (make doctor STATE=...)",
            subject=str(gone),
        )
    kept = (read_kept(one.path, patient.answers) for one in answers)
    accepted_at = [one.answer.accepted_at for one in kept if one and one.answer.accepted_at]
    return Checkup((lost_store(gone, len(answers), accepted_at),), inventory)


def _faults(patient: Patient, inventory: Inventory) -> Iterator[FileFact]:
    for fingerprint, files in _by_fingerprint(inventory.of(Kind.ANSWER)):
        kept = {one: read_kept(one.path, patient.answers) for one in files}
        present = [one for one in files if patient.answers.has(one.path)]  # else it was set aside
        known = patient.store.health.on_record(fingerprint, [one.accession for one in present])
        for one in present:
            fault = fault_of(one, kept[one], known[one.accession], utc_now())
            if fault is not None:
                yield FileFact(file=one, fault=fault)


def _by_fingerprint(files: Iterable[KeptFile]) -> Iterator[tuple[str, Sequence[KeptFile]]]:
    grouped = defaultdict[str, list[KeptFile]](list)
    for one in files:
        grouped[one.fingerprint].append(one)
    for fingerprint, group in grouped.items():
        for at in range(0, len(group), AT_ONCE):
            yield fingerprint, group[at : at + AT_ONCE]


def _not_on_file(patient: Patient, state: StoreState) -> tuple[AnswerName, ...]:
    """Of what is recorded, or was paid for and lost its outcome; none where none is kept."""
    if not patient.settings.feature_sec_llm_cache:
        return ()
    lost = (one for one in state.orphans if not one.has_outcome)
    should_be = tuple(chain(patient.store.health.answers_in_use(), lost))
    return not_on_file(
        should_be, inventory_of(patient.answers), patient.settings.answer_ttl, utc_now()
    )


def _leftovers(patient: Patient, inventory: Inventory, now: datetime) -> tuple[Finding, ...]:
    taken_up = set[KeptFile]()
    for fingerprint, notes in _by_fingerprint(overdue_notes(inventory, now)):
        known = patient.store.health.on_record(fingerprint, [one.accession for one in notes])
        taken_up |= {one for one in notes if known[one.accession].is_taken_up}
    return tuple(check_leftovers(inventory, taken_up.__contains__, now))
