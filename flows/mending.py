"""An installation mended, as far as its own tables and files tell how. Nobody is paid."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from blocks.answer_inventory import is_as_listed, remove
from blocks.models import Answer, utc_now
from blocks.store_health_values import AnswerName
from flows.checkup import Checkup, Patient
from tasks.answer_cache import answer_key, keep_answer, read_kept
from tasks.check_answers import FileFact, FileFault
from tasks.check_leftovers import left_behind

_IN_A_PATH: Final = re.compile(r"[0-9A-Za-z_-]{1,80}")
_TO_SET_ASIDE: Final = frozenset({FileFault.TORN, FileFault.FOREIGN, FileFault.DIFFERS})


def mend(patient: Patient, checkup: Checkup) -> None:
    """Do what the findings of a checkup say that mending does.

    Raises:
        StoreError: the store cannot be opened or written.
        AnswerCacheUnusable: the answer folder cannot be written.
    """
    if checkup.state is None:
        return
    if checkup.state.missing:
        if checkup.state.missing == ("seen",):
            patient.store.health.rebuild_seen()
        return
    patient.store.health.mend(
        tuple(_on_file(checkup.state.without_analysis, patient)),
        seen_ttl=patient.settings.seen_ttl,
    )
    try:
        _mend_files(patient, checkup)
    except OSError as error:
        raise patient.answers.unusable(f"{error}") from error


def _mend_files(patient: Patient, checkup: Checkup) -> None:
    spoilt = [one for one in checkup.files if one.fault in _TO_SET_ASIDE]
    for one in spoilt:
        _set_aside(one, patient)
    _write_newest(spoilt, patient)
    _write_named(checkup.not_on_file, patient)
    for file in left_behind(checkup.inventory, utc_now()):
        remove(patient.answers, file)


def _on_file(names: Iterable[AnswerName], patient: Patient) -> Iterator[Answer]:
    """Those of the answers whose very file is there."""
    for name in names:
        kept = read_kept(answer_key(name.fingerprint, name.accession), patient.answers)
        if kept is not None and _name_of(kept.answer) == name:
            yield kept.answer


def _set_aside(fact: FileFact, patient: Patient) -> None:
    """Take the file out of the way; an answer that lies in the wrong place is put in its own.

    A run may have put a good one in its place since it was looked at; that one stays.
    """
    if not is_as_listed(patient.answers, fact.file):
        return
    kept = read_kept(fact.file.path, patient.answers)
    patient.answers.set_aside(fact.file.path, f"the doctor found it {fact.fault}")
    if fact.fault is not FileFault.FOREIGN or kept is None:
        return
    answer = kept.answer
    if _IN_A_PATH.fullmatch(answer.fingerprint) is None:
        return
    if not patient.answers.has(answer_key(answer.fingerprint, answer.accession)):
        left = None if kept.expires_at is None else kept.expires_at - utc_now()
        keep_answer(answer, patient.answers, left)


def _write_newest(spoilt: Iterable[FileFact], patient: Patient) -> None:
    """For each file the newest answer of its name that the store has."""
    grouped = defaultdict[str, list[str]](list)
    for one in spoilt:
        grouped[one.file.fingerprint].append(one.file.accession)
    for fingerprint, accessions in grouped.items():
        for known in patient.store.health.on_record(fingerprint, accessions).values():
            if known.answers:
                _keep(known.answers[-1], patient)


def _write_named(names: Iterable[AnswerName], patient: Patient) -> None:
    grouped = defaultdict[str, list[AnswerName]](list)
    for one in names:
        grouped[one.fingerprint].append(one)
    for fingerprint, group in grouped.items():
        known = patient.store.health.on_record(fingerprint, [one.accession for one in group])
        for name in group:
            for answer in known[name.accession].answers:
                if answer.answered_at == name.answered_at:
                    _keep(answer, patient)


def _keep(answer: Answer, patient: Patient) -> None:
    """Write an answer for as long as it may still be used, unless a newer one came meanwhile."""
    ttl = patient.settings.answer_ttl
    left = None if ttl is None else answer.answered_at + ttl - utc_now()
    if left is not None and left <= timedelta(0):
        return
    present = read_kept(answer_key(answer.fingerprint, answer.accession), patient.answers)
    if present is None or present.answer.answered_at < answer.answered_at:
        keep_answer(answer, patient.answers, left)


def _name_of(answer: Answer) -> AnswerName:
    return AnswerName(
        accession=answer.accession,
        fingerprint=answer.fingerprint,
        answered_at=answer.answered_at,
    )
