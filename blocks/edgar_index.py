"""EDGAR's daily and quarterly master indexes, and its ticker file. Pure.

A master index has a few lines of preamble, a column line, a rule, and rows
``CIK|name|form|date|path``: one row per party, some repeated. Dates are
YYYYMMDD in daily files and YYYY-MM-DD in quarterly ones.
"""

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


def daily_index_path(day: date) -> str:
    """Path of the master index of one day on EDGAR."""
    return f"/Archives/edgar/daily-index/{day:%Y}/QTR{_quarter(day)}/master.{day:%Y%m%d}.idx"


def quarterly_index_path(year: int, quarter: int) -> str:
    """Path of the master index of a whole quarter on EDGAR."""
    return f"/Archives/edgar/full-index/{year:04d}/QTR{quarter}/master.idx"


def read_index(body: bytes) -> tuple[Filing, ...]:
    """The distinct filings of a master index in its order, with all their parties.

    Raises:
        IndexUnreadable: not a master index, or a row that cannot be read.
    """
    lines = body.decode("latin-1").splitlines()
    try:
        return merge(filing_of(row) for row in read_rows(lines))
    except IndexUnreadable as error:
        raise IndexUnreadable(f"{error} What came is {describe(body)}.") from error


def read_rows(lines: Iterable[str]) -> Iterator[IndexRow]:
    """The rows of a master index, one at a time.

    Raises:
        IndexUnreadable: not a master index, or a row that cannot be read.
    """
    numbered = enumerate(lines, start=1)
    preamble = itertools.islice(numbered, _PREAMBLE_LINES)
    if not any(_COLUMNS.fullmatch(line.rstrip("\r\n")) for _, line in preamble):
        raise IndexUnreadable(
            "EDGAR's answer is not a master index: its column line (CIK|Company Name|...) is"
            " missing. Try again later; if it stays so, open the file in a browser."
        )
    for number, line in numbered:
        text = line.rstrip("\r\n")
        if text.strip() and not _RULE.fullmatch(text):
            yield _row(number, text)


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


def _row(number: int, text: str) -> IndexRow:
    found = _ROW.fullmatch(text)
    if found is None or int(found["cik"]) == 0:
        raise IndexUnreadable(_bad_line(number, text))
    try:
        day = date.fromisoformat(found["day"])
    except ValueError as error:
        raise IndexUnreadable(_bad_line(number, text)) from error
    return IndexRow(
        found["accession"], int(found["cik"]), found["name"].strip(), found["form"].strip(), day
    )


def _bad_line(number: int, text: str) -> str:
    return f"line {number} of the master index cannot be read: {text[:120]!r}."


def _quarter(day: date) -> int:
    return (day.month - 1) // 3 + 1
