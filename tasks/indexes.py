"""Which filings an index says there are: of a day, of a long range of days, of a list. Pure."""

import re
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Final

import pandas as pd

from blocks.business_days import business_days
from blocks.edgar_feed import merge
from blocks.edgar_index import (
    DayIndex,
    IndexRow,
    UnreadableRow,
    filing_of,
    quarter_of,
    quarters_to_search,
)
from blocks.errors import EdgarNotFound, IndexUnreadable, ParameterError
from blocks.forms import wanted
from blocks.models import Filing, FoundBy
from blocks.plan import DaysPlan, ListPlan
from blocks.price_table import fold_symbols
from tasks.fetched import Fetched, IndexedDay
from tasks.markdown import first

# From so many of a quarter's days on, one request for the quarter replaces theirs: a month.
LONG_RANGE_DAYS: Final = 20

_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Quarter = tuple[int, int]
RowsOf = Callable[[int, int], Iterable[IndexRow | UnreadableRow]]


def read_day(plan: DaysPlan, day: date, index: DayIndex, ciks: frozenset[int]) -> Fetched:
    """The filings of the chosen forms that a day's index lists.

    Rows that cannot be read are noted, and stand in the way of a certificate.
    """
    chosen = wanted(index.filings, plan.forms)
    return Fetched(
        filings=restrict(chosen, ciks),
        notes=_unreadable_rows(f"the index of {day}", index.unreadable),
        index=IndexedDay(
            day=day,
            accessions=tuple(filing.accession for filing in chosen),
            unreadable=index.unreadable,
        ),
    )


def long_quarters(days: Sequence[date]) -> tuple[Quarter, ...]:
    """The quarters of which so many days are asked for that their own index is read instead."""
    by_quarter = groupby(days, key=quarter_of)
    return tuple(quarter for quarter, its in by_quarter if len(list(its)) >= LONG_RANGE_DAYS)


def read_quarter(
    quarter: Quarter, days: Sequence[date], forms: frozenset[str], rows_of: RowsOf
) -> dict[date, DayIndex]:
    """The indexes of some of a quarter's days, out of the quarter's own; none where it is none.

    The days left out (see :func:`split_rows`) are to be asked about by themselves.
    """
    try:
        return split_rows(days, forms, rows_of(*quarter))
    except (EdgarNotFound, IndexUnreadable):
        return {}


def split_rows(
    days: Sequence[date], forms: frozenset[str], rows: Iterable[IndexRow | UnreadableRow]
) -> dict[date, DayIndex]:
    """What a quarter's rows say of these days, with the chosen forms only.

    Left out are: a day without such a row; the newest day of all, for the
    running quarter's index may not have all of it; a day with a row that cannot
    be read, and all days where such a row does not say its date. A filing dated
    on no business day goes with the next day that is asked for.
    """
    of_day: dict[date, list[IndexRow]] = {}
    spoilt: set[str] = set()
    newest = date.min
    listed_on = _listing_day(days)
    for row in rows:
        if isinstance(row, UnreadableRow):
            dates = _A_DATE.findall(row.text)
            if not dates:
                return {}
            spoilt.update(dates)
            continue
        newest = max(newest, row.filed_on)
        if row.form in forms and (day := listed_on(row.filed_on)) is not None:
            of_day.setdefault(day, []).append(row)
    return {
        day: DayIndex(filings=merge(map(filing_of, its)), unreadable=())
        for day, its in of_day.items()
        if day != newest and day.isoformat() not in spoilt
    }


def _listing_day(days: Sequence[date]) -> Callable[[date], date | None]:
    """Which of these days lists what is filed on a day; None: another one does."""
    asked, in_order = set(days), sorted(days)
    business = set(business_days(in_order[0], in_order[-1]))

    def listed_on(filed_on: date) -> date | None:
        if filed_on in business or not in_order[0] < filed_on < in_order[-1]:
            return filed_on if filed_on in asked else None
        return in_order[bisect(in_order, filed_on)]

    return listed_on


def read_list(
    plan: ListPlan,
    rows_of: RowsOf,
    ciks: frozenset[int],
    today: date,
) -> Fetched:
    """Find listed accession numbers in the quarterly indexes, which know their filers.

    An accession number tells the year it was given out, so that year's
    quarters are read, and the next year's first for numbers used late. Rows
    that cannot be read are noted where they may be of a listed filing.
    """
    sought = set(plan.accessions)
    rows: list[IndexRow] = []
    unreadable: list[tuple[str, UnreadableRow]] = []
    for year, quarter in quarters_to_search(sought, today):
        if sought <= {row.accession for row in rows}:
            break
        try:
            for row in rows_of(year, quarter):
                if isinstance(row, UnreadableRow):
                    unreadable.append((f"{year} Q{quarter} {row}", row))
                elif row.accession in sought:
                    rows.append(row)
        except EdgarNotFound:
            continue  # a quarter that has only begun may have no index yet
    listed = (filing_of(row).model_copy(update={"found_by": FoundBy.LIST}) for row in rows)
    merged = merge(listed)
    lost = sorted(sought - {filing.accession for filing in merged})
    unknown = [f"no quarterly index knows {len(lost)} of them: {', '.join(lost)}"] if lost else []
    doubtful = [told for told, row in unreadable if lost or any(one in row.text for one in sought)]
    return Fetched(
        filings=restrict(merged, ciks),
        notes=(*unknown, *_unreadable_rows("the quarterly indexes", doubtful)),
    )


def restrict(filings: Iterable[Filing], ciks: frozenset[int]) -> tuple[Filing, ...]:
    """Keep the filings with a party among ``ciks``; all of them where that is empty."""
    return tuple(
        filing
        for filing in filings
        if not ciks or any(party.cik in ciks for party in filing.parties)
    )


def ciks_of(tickers: frozenset[str], table: pd.DataFrame) -> frozenset[int]:
    """Look tickers up in SEC's ticker table (columns ``cik``, ``ticker``), in any spelling.

    Raises:
        ParameterError: SEC's table does not have one of them.
    """
    written = pd.Series(sorted(tickers), dtype="str")
    asked, listed = fold_symbols(written), fold_symbols(table["ticker"])
    unknown = written[~asked.isin(listed)]
    if not unknown.empty:
        raise ParameterError(
            f"parameter tickers: SEC's ticker table has no {', '.join(unknown)}; "
            "write them as SEC does (BRK-B), or give the CIK in parameter ciks",
            subject="tickers",
        )
    return frozenset(int(cik) for cik in table.loc[listed.isin(asked), "cik"])


def _unreadable_rows(where: str, rows: Sequence[str]) -> tuple[str, ...]:
    if not rows:
        return ()
    return (f"unreadable rows of {where}, left out ({len(rows)}): {first(rows)}",)
