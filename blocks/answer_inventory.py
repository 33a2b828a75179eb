"""What lies in the answer folder, by its names: answers, and what dead writers left behind."""

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from blocks.answer_turns import is_free, let_go
from blocks.answers import AnswerFolder
from blocks.models import ACCESSION_PATTERN, UtcDatetime, Value

_ANSWERS: Final = "enrich"
_NOTES: Final = "asked"
_DEPTH: Final = 3  # room, fingerprint, accession number


class Kind(StrEnum):
    """What a file of the folder is, by where it lies and what it is called."""

    ANSWER = "answer"
    STRANGER = "stranger"  # among the answers, and called like none
    NOTE = "note"
    SET_ASIDE = "set aside"
    HALF_WRITTEN = "half written"
    FREE_TURN = "free turn"
    OTHER = "other"


class KeptFile(Value):
    """A file by its path below the folder, and when it was written last."""

    path: str
    written_at: UtcDatetime

    @property
    def fingerprint(self) -> str:
        """The part of an answer's or a note's path that names the fingerprint."""
        return self.path.split("/")[1]

    @property
    def accession(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Inventory(Value):
    """Every file of the folder, by what it is."""

    files: dict[Kind, tuple[KeptFile, ...]]

    def of(self, kind: Kind) -> tuple[KeptFile, ...]:
        """Those of one kind, by path."""
        return self.files.get(kind, ())


def inventory_of(folder: AnswerFolder) -> Inventory:
    """List the folder; one that is not there is empty.

    Raises:
        AnswerCacheUnusable: it cannot be read.
    """
    found = defaultdict[Kind, list[KeptFile]](list)
    root = folder.root
    try:
        for path in _files_below(root):
            name = path.relative_to(root).as_posix()
            found[_kind_of(name, path)].append(KeptFile(path=name, written_at=_written_at(path)))
    except OSError as error:
        raise folder.unusable(f"{error}") from error
    return Inventory(files={kind: tuple(sorted(kept, key=_path)) for kind, kept in found.items()})


def is_as_listed(folder: AnswerFolder, file: KeptFile) -> bool:
    """Whether it is there, and nobody has written it since it was listed."""
    path = folder.root / file.path
    return path.exists() and _written_at(path) == file.written_at


def remove(folder: AnswerFolder, file: KeptFile) -> None:
    """Delete a file that a dead process left behind, unless a living one has taken it up.

    Raises:
        OSError: it cannot be deleted.
    """
    if not is_as_listed(folder, file):
        return
    path = folder.root / file.path
    if path.suffix == ".turn":
        let_go(path)
        return
    path.unlink(missing_ok=True)


def _files_below(root: Path) -> Iterator[Path]:
    def stop(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for folder, _, names in os.walk(root, onerror=stop):
        for name in names:
            path = Path(folder, name)
            if path.exists():  # a writer may have renamed it meanwhile
                yield path


def _kind_of(name: str, path: Path) -> Kind:
    parts = name.split("/")
    last = parts[-1]
    if last.startswith("."):
        return Kind.HALF_WRITTEN
    if last.endswith(".turn"):
        return Kind.FREE_TURN if is_free(path) else Kind.OTHER
    if last.endswith(".unreadable"):
        return Kind.SET_ASIDE
    if parts[0] not in {_ANSWERS, _NOTES}:
        return Kind.OTHER
    if len(parts) != _DEPTH or ACCESSION_PATTERN.fullmatch(last) is None:
        return Kind.STRANGER
    return Kind.ANSWER if parts[0] == _ANSWERS else Kind.NOTE


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _path(file: KeptFile) -> str:
    return file.path
