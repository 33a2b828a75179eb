"""EDGAR's daily and quarterly master indexes, and its ticker file. Pure.

A master index has a few lines of preamble, a column line, a rule, and rows
``CIK|name|form|date|path``: one row per party, some repeated. Dates are
YYYYMMDD in daily files and YYYY-MM-DD in quarterly ones.
"""

import io
import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

import pandas as pd
from pydantic import BaseModel, TypeAdapter, ValidationError

from blocks.edgar_answers import describe
from blocks.edgar_feed import merge
from blocks.errors import IndexUnreadable
from blocks.models import ACCESSION_PATTERN, Cik, Filing, FoundBy, Party

_PREAMBLE_LINES = 40
_TOLD_CHARS = 120  # of a row that cannot be read
_MOST_UNREADABLE = 1_000  # more than the readable ones before them, and it is no index
_COLUMNS = re.compile(r"CIK\|Company Name\|Form Type\|Date Filed\|File ?name\s*", re.IGNORECASE)
_RULE = re.compile(r"-{10,}\s*")
_ROW = re.compile(
    r"(?P<cik>\d{1,10})\|(?P<name>.*)\|(?P<form>[^|]+)\|(?P<day>\d{8}|\d{4}-\d\d-\d\d)"
    rf"\|edgar/data/\d{{1,10}}/(?P<accession>{ACCESSION_PATTERN.pattern})\.txt\s*"
)


class IndexRow(NamedTuple):
    """One row of a master index: one party of one filing. ``filed_on`` is an Eastern date."""

    accession: str
    cik: int
    name: str
    form: str
    filed_on: date


class UnreadableRow(NamedTuple):
    """A row of a master index that cannot be read; as ``str``, its line and first 120 letters."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text[:_TOLD_CHARS]!r}"


class DayIndex(NamedTuple):
    """The distinct filings of a daily index, and the rows that could not be read, as told."""

    filings: tuple[Filing, ...]
    unreadable: tuple[str, ...]


def quarter_of(day: date) -> tuple[int, int]:
    """The year and the quarter (1 to 4) under which EDGAR files a day's index."""
    return day.year, (day.month + 2) // 3


def daily_index_path(day: date) -> str:
    """Path of the master index of one day on EDGAR."""
    year, quarter = quarter_of(day)
    return f"/Archives/edgar/daily-index/{year:04d}/QTR{quarter}/master.{day:%Y%m%d}.idx"


def quarterly_index_path(year: int, quarter: int) -> str:
    """Path of the master index of a whole quarter on EDGAR."""
    return f"/Archives/edgar/full-index/{year:04d}/QTR{quarter}/master.idx"


def quarters_to_search(accessions: Iterable[str], today: date) -> tuple[tuple[int, int], ...]:
    """(year, quarter) pairs that may list these accession numbers, none in the future."""
    years = {_year_of(accession) for accession in accessions}
    pairs = itertools.chain(
        ((year, quarter) for year in sorted(years) for quarter in (1, 2, 3, 4)),
        ((year + 1, 1) for year in sorted(years)),
    )
    return tuple(dict.fromkeys(pair for pair in pairs if pair <= quarter_of(today)))


def read_index(body: bytes) -> DayIndex:
    """The distinct filings of a master index in its order, with all their parties.

    Raises:
        IndexUnreadable: not a master index, or most of its rows cannot be read.
    """
    # not splitlines: that also splits at bytes which stand in names
    lines = io.TextIOWrapper(io.BytesIO(body), encoding="latin-1")
    try:
        rows = tuple(read_rows(lines))
    except IndexUnreadable as error:
        raise IndexUnreadable(f"{error} What came is {describe(body)}.") from error
    return DayIndex(
        filings=merge(filing_of(row) for row in rows if isinstance(row, IndexRow)),
        unreadable=tuple(str(row) for row in rows if isinstance(row, UnreadableRow)),
    )


def read_rows(lines: Iterable[str]) -> Iterator[IndexRow | UnreadableRow]:
    """The rows of a master index, one at a time, with those that cannot be read among them.

    Raises:
        IndexUnreadable: not a master index; or, after the last row or a thousand
            unreadable ones, most rows could not be read.
    """
    numbered = enumerate(lines, start=1)
    preamble = itertools.islice(numbered, _PREAMBLE_LINES)
    if not any(_COLUMNS.fullmatch(line.rstrip("\r\n")) for _, line in preamble):
        raise IndexUnreadable(
            "EDGAR's answer is not a master index: its column line (CIK|Company Name|...) is"
            " missing. Try again later; if it stays so, open the file in a browser."
        )
    readable, unreadable, first = 0, 0, None
    for number, line in numbered:
        text = line.rstrip("\r\n")
        if not text.strip() or _RULE.fullmatch(text):
            continue
        row = _row(text)
        if row is None:
            unreadable += 1
            first = first or UnreadableRow(number, text)
        else:
            readable += 1
        yield row or UnreadableRow(number, text)
        if unreadable > _MOST_UNREADABLE + readable:
            break
    if unreadable > readable:
        raise IndexUnreadable(
            f"{unreadable} of {readable + unreadable} rows of the master index cannot be read,"
            f" the first is {first}. Try again later; if it stays so, its form has changed."
        )


def filing_of(row: IndexRow) -> Filing:
    """A filing with the one party of a row; see :func:`blocks.edgar_feed.merge`."""
    return Filing(
        accession=row.accession,
        form=row.form,
        parties=(Party(cik=row.cik, name=row.name),),
        found_by=FoundBy.INDEX,
        filed_on=row.filed_on,
    )


def read_tickers(body: bytes) -> pd.DataFrame:
    """SEC's ``company_tickers.json`` as a frame in SEC's order.

    Columns ``cik`` (int64), ``ticker`` and ``name`` (str); the first ticker of
    a CIK is its main one. Tickers are stripped (SEC writes ``"DAIC "``).

    Raises:
        IndexUnreadable: not SEC's ticker file.
    """
    try:
        listed = _TICKERS.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise IndexUnreadable(
            "EDGAR's answer is not its ticker file but"
            f" {describe(body)}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from error
    rows = [(row.cik_str, row.ticker.strip(), row.title) for row in listed.values()]
    frame = pd.DataFrame(rows, columns=["cik", "ticker", "name"])
    return frame.astype({"cik": "int64", "ticker": "str", "name": "str"})


class _Listed(BaseModel):
    cik_str: Cik
    ticker: str
    title: str


_TICKERS = TypeAdapter(dict[str, _Listed])


def _row(text: str) -> IndexRow | None:
    found = _ROW.fullmatch(text)
    if found is None or int(found["cik"]) == 0 or not found["form"].strip():
        return None
    try:
        day = date.fromisoformat(found["day"])
    except ValueError:
        return None
    return IndexRow(
        found["accession"], int(found["cik"]), found["name"].strip(), found["form"].strip(), day
    )


def _year_of(accession: str) -> int:
    two_digits = int(accession[11:13])
    return 1900 + two_digits if two_digits >= 90 else 2000 + two_digits  # noqa: PLR2004 - EDGAR began in 1993
