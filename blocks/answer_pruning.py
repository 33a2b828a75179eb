"""What of the answer folder has had its day: told by a file's place, its name and its age.

A file that no rule names is left alone, and so is every answer that can still be used.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from blocks.answer_seal import bytes_of
from blocks.answer_turns import let_go

_WRITING: Final = timedelta(days=1)  # who has not finished a file by then is dead
_AT_A_BATCH: Final = timedelta(days=35)  # OpenAI keeps the files of a batch for thirty


class Retention(NamedTuple):
    """How long things stay in the answer folder; None: for ever.

    ``runs``: what a run left for its retry or for a person. ``answers``: the time to
    live that answers are written with now.
    """

    runs: timedelta | None
    answers: timedelta | None


def _unlinked(path: Path) -> bool:
    path.unlink()
    return True


class _Rule(NamedTuple):
    """What a file is, how long it stays, what keeps it all the same, and how it goes."""

    kind: str
    stays: timedelta | None
    still_of_use: Callable[[Path], bool] = lambda _: False
    remove: Callable[[Path], bool] = _unlinked


def prune(
    root: Path, retention: Retention, now: datetime, go_on: Callable[[], bool]
) -> tuple[Counter[str], str]:
    """Remove what is past its time; how much of each kind, and why that is not all, if so.

    Safe beside running runs: no living writer is as slow as the shortest of these
    times, and an answer that is bought anew meanwhile stays.
    """
    removed: Counter[str] = Counter()
    troubles: list[OSError] = []
    rules = _rules(root, retention)
    for path in _files(root, troubles.append):
        if not go_on():
            return removed, "its time was up before all was looked at"
        rule = rules.get(_sort_of(path, root))
        if rule is None:
            continue
        try:
            if _has_had_its_day(path, rule, now) and rule.remove(path):
                removed[rule.kind] += 1
        except FileNotFoundError:  # its owner was faster
            continue
        except OSError as error:  # the others can go
            troubles.append(error)
    told = f"{len(troubles)} files or folders could not be removed or read, the first:"
    return removed, f"{told} {troubles[0]}" if troubles else ""


def _has_had_its_day(path: Path, rule: _Rule, now: datetime) -> bool:
    if rule.stays is None:
        return False
    age = now - datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    return age > rule.stays and not rule.still_of_use(path)


def _rules(root: Path, retention: Retention) -> dict[str, _Rule]:
    """The rules, by what :func:`_sort_of` says of a file."""
    runs, answers = retention
    tables = _newest_tables(root / "reference")
    return {
        ".turn": _Rule("lock files of the dead", _WRITING, remove=let_go),
        ".": _Rule("half-written files", _WRITING),
        ".unreadable": _Rule("unreadable files", runs),
        "runs": _Rule("fetched lists", runs),
        "reference": _Rule("tables of former sources", runs, tables.__contains__),
        "uuid": _Rule("kept exceptions", runs),
        "asked": _Rule("notes of former batches", _AT_A_BATCH),
        "enrich": _Rule("expired answers", answers, _can_be_used, _set_apart),
        "same-text": _Rule(
            "notes of expired answers", answers, lambda note: _leads_to_an_answer(note, root)
        ),
    }


def _sort_of(path: Path, root: Path) -> str:
    """What a file is: by its name where that is telling, else by the folder it lies in."""
    if path.suffix in {".turn", ".unreadable"}:
        return path.suffix
    if path.name.startswith("."):
        return "."
    if path.parent == root:  # where Prefect puts the exception of a task that failed
        return "uuid" if _is_uuid(path.name) else ""
    return path.relative_to(root).parts[0]


def _files(root: Path, trouble: Callable[[OSError], None]) -> Iterator[Path]:
    """Every file below; a run's folder goes once its files have gone."""
    if not root.exists():  # nothing was ever kept
        return
    for folder, below, names in os.walk(root, onerror=trouble):
        below.sort()  # answers before the notes that lead to them
        for name in names:
            yield Path(folder, name)
        if Path(folder).parent == root / "runs":
            with suppress(OSError):  # not empty
                Path(folder).rmdir()


def _can_be_used(answer: Path) -> bool:
    """Whether it has not expired by what stands in it; what cannot be read is not ours to judge.

    A run that meets such a file sets it aside.
    """
    try:
        until = json.loads(bytes_of(answer))["metadata"]["expiration"]
        return until is None or datetime.fromisoformat(until) > datetime.now(UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _set_apart(answer: Path) -> bool:
    """Remove an expired answer, unless one that was just bought has come into its place.

    Between looking at a file and removing it by name another may have replaced it. So it
    is renamed first, looked at again, and put back where it can be used after all.
    """
    apart = answer.with_name(f".{answer.name}.{uuid4().hex[:8]}")
    answer.rename(apart)
    can_be_used = _can_be_used(apart)
    if can_be_used:
        with suppress(FileExistsError):  # bought once more: that one counts
            os.link(apart, answer)
    apart.unlink()
    return not can_be_used


def _leads_to_an_answer(note: Path, root: Path) -> bool:
    accession = note.read_text(errors="replace")
    return (root / "enrich" / note.parent.name / Path(accession).name).is_file()


def _newest_tables(folder: Path) -> frozenset[Path]:
    """The latest table of each kind: it is used, though stale, while its source is down."""
    found = sorted(folder.glob("*-*"), key=_written_at_s)
    return frozenset({path.name.rpartition("-")[0]: path for path in found}.values())


def _written_at_s(path: Path) -> float:
    with suppress(FileNotFoundError):  # another run prunes as well
        return path.lstat().st_mtime
    return 0.0


def _is_uuid(name: str) -> bool:
    with suppress(ValueError):
        return UUID(name).hex == name.replace("-", "")
    return False
