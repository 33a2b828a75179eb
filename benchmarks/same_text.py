"""How often filings share their text: same excerpts, and twins in EDGAR's own feed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from benchmarks.captured import CAPTURES, NOT_HERE, captured_filings
from benchmarks.excerpts import DEFAULT_BUDGET
from benchmarks.tables import Row, Table, show
from blocks.edgar_feed import merge, read_entries
from blocks.edgar_submission import SubmissionReader
from blocks.errors import FeedUnreadable
from blocks.excerpt import excerpt_of
from blocks.forms import DEFAULT_FORMS, wanted
from blocks.models import Filing, Submission
from sandbox.market import Market
from sandbox.market_day import bundled_day
from sandbox.market_week import generated_week

_SIZE_IS_ROUNDED_FROM = 1024 * 1024  # the feed tells sizes of a MB and more in whole MB
_MOST_NUMBERS_APART = 9


def tables(folder: Path) -> Iterable[Table]:  # noqa: ARG001 - needs no folder, as others do
    """Same excerpts in the captures and in the fiction, then twins in the captured feeds."""
    fiction = {
        "bundled market day": submissions_of(bundled_day()),
        "generated week": submissions_of(generated_week(11, date(2025, 12, 8))),
    }
    if not CAPTURES.is_dir():
        return [same_excerpts(fiction, NOT_HERE)]
    captured = {filing.file.stem: filing.submission for filing in captured_filings(CAPTURES)}
    feed = merge(_entries(CAPTURES / "feeds"))
    return [
        same_excerpts({"captured filings": list(captured.values()), **fiction}),
        twins_by_form(feed),
    ]


def submissions_of(market: Market) -> list[Submission]:
    """Every submission of a fictional market, read as it would be from EDGAR."""
    return [_read(filing.submission, filing.accession) for filing in market.filings]


def _read(body: bytes, accession: str) -> Submission:
    reader = SubmissionReader(accession)
    reader.take(body)
    return reader.submission(complete=True)


def same_excerpts(sources: Mapping[str, Sequence[Submission]], *notes: str) -> Table:
    """Filings of each source, and how many of them have the excerpt of an earlier one."""
    rows = [(source, *map(str, repeated(found))) for source, found in sources.items()]
    header = ("source", "filings", "excerpt of an earlier one")
    return Table("same text: identical excerpts", header, rows, notes)


def repeated(submissions: Iterable[Submission]) -> tuple[int, int]:
    """How many submissions there are, and how many have the excerpt of an earlier one."""
    hashes = Counter(
        sha256(excerpt_of(one, budget_tokens=DEFAULT_BUDGET).text.encode()).digest()
        for one in submissions
    )
    return hashes.total(), hashes.total() - len(hashes)


def twins_by_form(filings: Sequence[Filing]) -> Table:
    """Per form that is read by default: accessions, shared ones, and what looks filed twice."""
    chosen = wanted(filings, DEFAULT_FORMS)
    twins = Counter(filing.form for filing in twins_in(chosen))
    shared = Counter(filing.form for filing in chosen if len(_filers(filing)) > 1)
    counts = Counter(filing.form for filing in chosen)
    rows: list[Row] = [
        (form, str(count), str(shared[form]), str(twins[form]))
        for form, count in counts.most_common()
        if shared[form] or twins[form]
    ]
    rows.append(("all of them", *(str(some.total()) for some in (counts, shared, twins))))
    notes = (
        "several filers: co-registrants under one accession, analysed once anyway;",
        "twins: by one agent, numbered in a row, in one minute, same form and size",
        "(under 1 MB, above which the feed rounds): an indication, not a comparison",
    )
    header = ("form", "accessions", "several filers", "twins")
    return Table("same text: twins in the captured feeds", header, rows, notes)


def twins_in(filings: Iterable[Filing]) -> Iterator[Filing]:
    """Filings that look like the one filed just before by the same agent."""
    by_number = sorted(filings, key=lambda filing: filing.accession)
    for before, filing in pairwise(by_number):
        if _looks_like(before, filing):
            yield filing


def _looks_like(one: Filing, other: Filing) -> bool:
    if one.form != other.form or one.accession[:13] != other.accession[:13]:
        return False
    in_a_row = int(other.accession[-6:]) - int(one.accession[-6:]) <= _MOST_NUMBERS_APART
    same_minute = _minute(one) == _minute(other) is not None
    return in_a_row and same_minute and _size(one) == _size(other) is not None


def _minute(filing: Filing) -> datetime | None:
    accepted_at = filing.accepted_at
    return accepted_at.replace(second=0, microsecond=0) if accepted_at else None


def _size(filing: Filing) -> int | None:
    size = filing.size_bytes
    return size if size and size < _SIZE_IS_ROUNDED_FROM else None


def _filers(filing: Filing) -> set[int]:
    return {party.cik for party in filing.parties if party.role == "Filer"}


def _entries(feeds: Path) -> Iterator[Filing]:
    for file in sorted(feeds.rglob("*.xml")):
        try:
            yield from read_entries(file.read_bytes()).filings
        except FeedUnreadable:
            continue  # the feed of one company, in another form


if __name__ == "__main__":
    show(tables(Path()))
