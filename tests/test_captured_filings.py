"""Every filing in the folder of captures: read or refused by name, and what was found in it.

The table of it is printed at the end of the test run.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap

import pytest
from submission_text import documents_at_once, read_submission

from blocks.document_text import text_of
from blocks.errors import SubmissionUnreadable
from blocks.excerpt import excerpt_of
from blocks.models import ACCESSION_PATTERN, Document, Excerpt, Submission

BUDGET_TOKENS = 4_000  # as a run has it by default
WHOLE = {".txt", ".nc"}  # all else in the folder is a part of a filing or a page about one
ANY_ACCESSION = "0000000000-00-000000"
_ITEM_LINE = re.compile(r"(?im)^[^\w\n]*items?\s+\d{1,2}(?:\.\d\d)?\b")
_DECLARED = re.compile(rb"DOCUMENT[ -]COUNT[:>]\s*(\d+)")
_COLUMNS = "{:20} {:9} {:>9} {:15} {:32} {:>6} {:3}"
HEADINGS = _COLUMNS.format(
    *("accession", "form", "documents", "items", "exhibits and sections shown", "tokens", "all")
)
LEGEND = "documents: declared in the header, present in the file, needed and read"


@dataclass(frozen=True)
class Found:
    """What a submission held, and what of it is shown."""

    file: Path
    raw: bytes
    submission: Submission
    excerpt: Excerpt

    @property
    def types(self) -> list[str]:
        return [kind for kind, _ in documents_at_once(self.raw)]

    @property
    def items(self) -> list[str]:
        return re.findall(r"item (\S+)$", "\n".join(self.excerpt.parts), re.MULTILINE)

    @property
    def others(self) -> list[str]:
        """Exhibits and sections; the head of the main document goes without saying."""
        form = self.submission.form
        parts = [part.removeprefix(f"{form} ") for part in self.excerpt.parts if part != form]
        return [part for part in parts if not part.startswith("item ")]

    def rows(self) -> list[str]:
        accession, declared = self.submission.accession, _DECLARED.search(self.raw)
        count = declared[1].decode() if declared else "?"
        columns = (
            [self.file.name[:20] if accession == ANY_ACCESSION else accession],
            [self.submission.form[:9]],
            [f"{count}/{len(self.types)}/{len(self.submission.documents)}"],
            wrap(", ".join(self.items), 15),
            wrap(", ".join(self.others), 32),
            [str(self.excerpt.tokens)],
            ["yes" if self.submission.complete else "no"],
        )
        return [_COLUMNS.format(*row).rstrip() for row in zip_longest(*columns, fillvalue="")]


def found_in(file: Path) -> Found | SubmissionUnreadable:
    raw = file.read_bytes()
    accession = ACCESSION_PATTERN.search(file.name) if file.suffix in WHOLE else None
    try:
        submission = read_submission(raw, accession[0] if accession else ANY_ACCESSION)
        return Found(file, raw, submission, excerpt_of(submission, budget_tokens=BUDGET_TOKENS))
    except SubmissionUnreadable as error:
        return error


def reason(error: SubmissionUnreadable) -> str:
    told = re.search(r"is no submission but (.*?)\. Look", str(error), re.DOTALL)
    assert told, error
    return " ".join(told[1].split())


def test_every_captured_filing_is_read_or_refused_by_name(
    edgar_captures: Path, report: Callable[[str, list[str]], None]
) -> None:
    files = sorted(file for file in edgar_captures.glob("filings/**/*") if file.is_file())
    outcomes = {file: found_in(file) for file in files}
    read = [found for found in outcomes.values() if isinstance(found, Found)]
    refused = {
        f: error for f, error in outcomes.items() if isinstance(error, SubmissionUnreadable)
    }
    assert not [file.name for file in refused if file.suffix in WHOLE]
    for found in read:
        assert_nothing_is_missing(found)
    table = [HEADINGS, "-" * len(HEADINGS), *(row for found in read for row in found.rows())]
    refusals = [f"{file.name[:44]:46}{reason(error)[:54]}" for file, error in refused.items()]
    assert max(map(len, [*table, *refusals])) <= 100
    megabytes = sum(len(found.raw) for found in read) / 1e6
    report(f"{len(read)} captured filings, {megabytes:.1f} MB", [*table, LEGEND])
    report("No submissions, and refused as SubmissionUnreadable", refusals)


def assert_nothing_is_missing(found: Found) -> None:
    name = found.file.name
    assert found.submission.complete or found.file.suffix not in WHOLE, name
    assert 50 < found.excerpt.tokens <= BUDGET_TOKENS, name
    if found.submission.form.startswith("8-K"):
        has_items = _ITEM_LINE.search(text_of(found.submission.documents[0]))
        assert found.items or not has_items, name
    has_release = any(kind.startswith("EX-99") for kind in found.types)
    assert any(part.startswith("EX-99") for part in found.excerpt.parts) or not has_release, name


@pytest.mark.parametrize(
    ("pattern", "form", "parts"),
    [
        ("8-K_primary_document_*", "8-K", ("8-K item 5.07",)),
        ("SCHEDULE_13D_primary_document*", "SCHEDULE 13D", ("SCHEDULE 13D",)),
    ],
)
def test_a_document_captured_alone_reads_as_it_would_in_its_submission(
    edgar_captures: Path, pattern: str, form: str, parts: tuple[str, ...]
) -> None:
    (file,) = edgar_captures.glob(f"filings/{pattern}")
    alone = Document(type=form, body=file.read_text("utf-8", "replace"))
    submission = Submission(accession=ANY_ACCESSION, form=form, documents=(alone,))
    excerpt = excerpt_of(submission, budget_tokens=BUDGET_TOKENS)
    assert excerpt.parts == parts
    assert not re.search(r"</?(?:p|div|td|font|ix:\w+)\b", excerpt.text)


def test_a_captured_press_release_is_shown_with_its_tables(edgar_captures: Path) -> None:
    (file,) = edgar_captures.glob("filings/8-K_EX-99.1_*")
    release = Document(type="EX-99.1", body=file.read_text("utf-8", "replace"))
    cover = Document(type="6-K", body="Report of a foreign issuer.")
    submission = Submission(accession=ANY_ACCESSION, form="6-K", documents=(cover, release))
    excerpt = excerpt_of(submission, budget_tokens=BUDGET_TOKENS)
    assert excerpt.parts == ("6-K", "EX-99.1")
    assert re.search(
        r"(?m)^SALES, Net of returns and allowances  \$[\d,]+  \$[\d,]+", excerpt.text
    )
