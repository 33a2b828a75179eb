"""What the doctor finds in the answer folder, and between it and the store. Pure.

An answer on file and a stored analysis are the same answer twice. Where they disagree,
the store is believed: it is written in transactions, and a file may have been torn.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from blocks.answer_inventory import Inventory, KeptFile, Kind
from blocks.models import Answer, Value
from blocks.store_health_values import AnswerName, OnRecord
from tasks.answer_cache import KeptAnswer
from tasks.findings import Finding, Level, counted, has_or_have, is_or_are


class FileFault(StrEnum):
    """What can be wrong with an answer's file, or be worth knowing of it."""

    TORN = "torn"
    FOREIGN = "foreign"
    DIFFERS = "differs"
    EXPIRED = "expired"
    WAITS = "waits"  # paid, and the next run on the live feed records it
    UNRECORDED = "unrecorded"  # paid, and no run records it by itself
    REFRESHED = "refreshed"  # newer than any that is recorded


class FileFact(Value):
    """An answer's file, and what is wrong with it."""

    file: KeptFile
    fault: FileFault


def fault_of(
    file: KeptFile, kept: KeptAnswer | None, known: OnRecord | None, now: datetime
) -> FileFault | None:
    """What is wrong with an answer's file.

    Args:
        file: its name and age.
        kept: what it holds; None: nothing that is an answer.
        known: what the store has of this filing and fingerprint; None: there is no store.
        now: the present moment.
    """
    if kept is None:
        return FileFault.TORN
    answer = kept.answer
    if (answer.accession, answer.fingerprint) != (file.accession, file.fingerprint):
        return FileFault.FOREIGN
    if kept.expires_at is not None and kept.expires_at <= now:
        return FileFault.EXPIRED
    return None if known is None else _against_the_store(answer, known)


def _against_the_store(answer: Answer, known: OnRecord) -> FileFault | None:
    same_moment = [one for one in known.answers if one.answered_at == answer.answered_at]
    if same_moment and answer not in same_moment:
        return FileFault.DIFFERS
    if known.held:  # a run is about to record it
        return None
    if known.recorded_at is None:
        return FileFault.WAITS if known.is_taken_up else FileFault.UNRECORDED
    if not same_moment and answer.answered_at > known.recorded_at:
        return FileFault.REFRESHED
    return None


def check_files(facts: Sequence[FileFact]) -> tuple[Finding, ...]:
    """Findings about answers that are on file."""
    found = []
    for fault, level, title, meaning, remedy, mended in _SAID:
        names = tuple(one.file.path for one in facts if one.fault is fault)
        if names:
            number = len(names)
            told = title.format(
                files=counted(number, "answer file"),
                answers=counted(number, "answer"),
                are=is_or_are(number),
                have=has_or_have(number),
            )
            found.append(
                Finding(
                    kind=f"answer-{fault}",
                    level=level,
                    title=told,
                    names=names,
                    meaning=meaning,
                    remedy=remedy,
                    mended=mended,
                )
            )
    return tuple(found)


_SAID: Final = (
    (
        FileFault.TORN,
        Level.MEND,
        "{files} cannot be read",
        (
            "Empty, torn, changed, renamed, or no answer of this program. For its filing it is as "
            "if there were none, and a refresh would pay again."
        ),
        "sets the file aside (.unreadable), and writes it anew where the store has the answer.",
        True,
    ),
    (
        FileFault.FOREIGN,
        Level.MEND,
        "{files} {have} another filing's name, or another fingerprint's",
        (
            "A copied or renamed file of a version that did not seal its answers. One of another "
            "fingerprint would be taken for an answer of the present model and prompt."
        ),
        (
            "files the answer where it belongs, unless one is there; sets this file aside, and "
            "writes it anew where the store has the answer."
        ),
        True,
    ),
    (
        FileFault.DIFFERS,
        Level.MEND,
        "{files} {are} not what the store has of the same answer",
        (
            "File and store hold the same answer of the same moment, with different content. The "
            "file was changed."
        ),
        "sets the file aside and writes the store's answer anew.",
        True,
    ),
    (
        FileFault.UNRECORDED,
        Level.PERSON,
        "{answers} {are} paid for and on file, and the filing has no outcome",
        (
            "The store is older than the files, or lost the filing; or the run had the store "
            "switched off. No run takes them up by itself."
        ),
        (
            "run sec_filings/batch with these accessions, or over their days: it records the "
            "answers from the files and pays nothing."
        ),
        False,
    ),
    (
        FileFault.WAITS,
        Level.PASSES,
        "{answers} {are} paid for and not recorded yet",
        (
            "The run was killed between the answer and its recording. The next rss run takes the "
            "answer from its file and pays nothing."
        ),
        "nothing.",
        False,
    ),
    (
        FileFault.REFRESHED,
        Level.NOTE,
        "{answers} {are} newer than what is recorded",
        "A refresh paid for it and was killed before it recorded it. The earlier outcome stands.",
        (
            "a run with refresh=outdated takes it from its file, if it is of the present "
            "fingerprint; refresh=all pays again."
        ),
        False,
    ),
    (
        FileFault.EXPIRED,
        Level.NOTE,
        "{answers} {are} past the time to live (SEC_LLM_CACHE_TTL_HOURS)",
        "They are not used any more. The store keeps what was recorded.",
        "nothing.",
        False,
    ),
)


def not_on_file(
    in_use: Sequence[AnswerName], inventory: Inventory, ttl: timedelta | None, now: datetime
) -> tuple[AnswerName, ...]:
    """Recorded answers that should be on file and are not; None: answers are kept for ever."""
    present = {(one.fingerprint, one.accession) for one in inventory.of(Kind.ANSWER)}
    return tuple(
        one
        for one in in_use
        if (one.fingerprint, one.accession) not in present
        and (ttl is None or one.answered_at + ttl > now)
    )


def check_missing(missing: Sequence[AnswerName]) -> tuple[Finding, ...]:
    """The finding about recorded answers that are not on file."""
    if not missing:
        return ()
    number = len(missing)
    return (
        Finding(
            kind="answers-not-on-file",
            level=Level.NOTE,
            title=f"{counted(number, 'recorded answer')} {is_or_are(number)} not on file",
            names=tuple(f"{one.fingerprint}/{one.accession}" for one in missing),
            meaning="The store has them, so nothing is lost. If a filing lost its outcome, or "
            "had to be refreshed, it would be paid for again.",
            remedy="writes them from the store.",
            mended=True,
        ),
    )
