"""The captured filings as a run would read them, each with what the rules make of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blocks.edgar_submission import SubmissionReader
from blocks.errors import SubmissionUnreadable
from blocks.excerpt import excerpt_of
from blocks.models import ACCESSION_PATTERN, Analysis, Excerpt, Filing, FoundBy, Party
from blocks.rules import analysis_by_rules

EXCERPT_TOKENS: Final = 4_000  # as a run has it by default

_WHOLE: Final = {".txt", ".nc"}  # all else is a document on its own or a page about a filing
_NO_ACCESSION: Final = "0000000000-00-000000"


@dataclass(frozen=True)
class Judged:
    """A captured filing, and what the rules make of it.

    ``held_back``: it was not looked at while the rules were written.
    """

    name: str
    held_back: bool
    excerpt: Excerpt
    analysis: Analysis


def judged_in(captures: Path) -> Iterator[Judged]:
    """Every readable filing of a folder of captures, with the rules' analysis."""
    for file in sorted(path for path in captures.glob("filings/**/*") if path.is_file()):
        try:
            yield _judged(file)
        except SubmissionUnreadable:
            continue  # a page about a filing, or one document of it


def _judged(file: Path) -> Judged:
    accession = ACCESSION_PATTERN.search(file.name) if file.suffix in _WHOLE else None
    reader = SubmissionReader(accession[0] if accession else _NO_ACCESSION)
    reader.take(file.read_bytes())
    submission = reader.submission(complete=True)
    excerpt = excerpt_of(submission, budget_tokens=EXCERPT_TOKENS)
    filing = Filing(
        accession=submission.accession,
        form=submission.form,
        parties=submission.parties or (Party(cik=1, name=file.stem),),
        found_by=FoundBy.LIST,
        accepted_at=submission.accepted_at,
    )
    return Judged(file.name, is_held_back(file.name), excerpt, analysis_by_rules(filing, excerpt))


def is_held_back(name: str) -> bool:
    """Whether a file belongs to the third that was not looked at beforehand."""
    return hashlib.sha256(name.encode()).digest()[0] % 3 == 0
