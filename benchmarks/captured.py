"""The captured EDGAR filings, and the headline facts that were read in them by eye."""

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from blocks.document_text import is_readable, rendered
from blocks.edgar_submission import SubmissionReader
from blocks.models import ACCESSION_PATTERN, Document, Submission

CAPTURES: Final = Path(__file__).resolve().parents[2] / "shared" / "edgar"
NOT_HERE: Final = "skipped: the folder of real EDGAR captures (../shared/edgar) is not here"
FACTS: Final = Path(__file__).with_name("headline_facts.csv")
_ANY_ACCESSION = "0000000000-00-000000"
_CLASSES = (
    ("8-K", r"8-K"),
    ("6-K", r"6-K"),
    ("10-K, 10-Q", r"10-[KQ]"),
    ("424B", r"424B"),
    ("S-1, S-3, POS AM", r"S-[13]|POS"),
    ("SC 13G, SC TO-T", r"SC"),
    ("4", r"4_"),
)
_WIDE = re.compile(r"[^\S\n]{3,}")
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Captured:
    """One filing as it was served, and what a trader would want of it."""

    file: Path
    facts: tuple[str, ...]

    @property
    def form_class(self) -> str:
        """The forms it is counted with."""
        name = self.file.name
        return next((label for label, form in _CLASSES if re.match(form, name)), "others")

    @property
    def is_held_back(self) -> bool:
        """Whether it was left aside while the rules of the excerpt were changed."""
        return int(hashlib.sha256(self.file.name.encode()).hexdigest(), 16) % 3 == 0

    @cached_property
    def raw(self) -> bytes:
        """The bytes that SEC sent."""
        return self.file.read_bytes()

    @cached_property
    def submission(self) -> Submission:
        """What our reader makes of them."""
        accession = ACCESSION_PATTERN.search(self.file.name)
        reader = SubmissionReader(accession[0] if accession else _ANY_ACCESSION)
        reader.take(self.raw)
        return reader.submission(complete=True)

    @cached_property
    def readable(self) -> str:
        """All its documents that are words, rendered: nothing left out but padding."""
        return "\n\n".join(map(_without_padding, self._documents))

    @property
    def main_text(self) -> str:
        """The rendered main document on one line."""
        return " ".join(rendered(self._documents[0]).split())

    @property
    def _documents(self) -> list[Document]:
        return [document for document in self.submission.documents if is_readable(document)]


def captured_filings(captures: Path, facts: Path = FACTS) -> Iterator[Captured]:
    """Every filing whose facts are listed, by name."""
    listed: dict[str, list[str]] = {}
    with facts.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            listed.setdefault(row["file"], []).append(row["fact"])
    for name, of_filing in listed.items():
        yield Captured(captures / "filings" / name, tuple(of_filing))


def _without_padding(document: Document) -> str:
    return _BLANK_LINES.sub("\n\n", _WIDE.sub("  ", rendered(document)))
