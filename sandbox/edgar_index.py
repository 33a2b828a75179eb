"""The master indexes of a market day, in EDGAR's shape: one row per party."""

from collections.abc import Iterable
from datetime import date, datetime

from sandbox.dissemination import index_published_at, quarter_of
from sandbox.market_day import DayFiling, MarketDay

_RULE = "-" * 80
_CONTACT = [
    "Comments:              webmaster@sec.gov",
    "Anonymous FTP:         ftp://ftp.sec.gov/edgar/",
]


def daily_master(day: MarketDay, filed_on: date, now: datetime) -> bytes | None:
    """The daily master index of a filing date; None before it is made, or with no filings."""
    filings = [filing for filing in day.filings if filing.filed_on == filed_on]
    if not filings or now < index_published_at(filed_on):
        return None
    head = [
        "Description:           Daily Index of EDGAR Dissemination Feed",
        f"Last Data Received:    {filed_on:%b} {filed_on.day:2d}, {filed_on.year}",
        *_CONTACT,
        " ",
        "CIK|Company Name|Form Type|Date Filed|File Name",
    ]
    return _index(head, filings, "%Y%m%d")


def quarterly_master(day: MarketDay, year: int, quarter: int, now: datetime) -> bytes | None:
    """The quarter's master index of every day that has a daily one by ``now``, or None."""
    filings = [
        filing
        for filing in day.filings
        if (filing.filed_on.year, quarter_of(filing.filed_on)) == (year, quarter)
        and index_published_at(filing.filed_on) <= now
    ]
    if not filings:
        return None
    last = max(filing.filed_on for filing in filings)
    head = [
        "Description:           Master Index of EDGAR Dissemination Feed",
        f"Last Data Received:    {last:%B} {last.day}, {last.year}",
        *_CONTACT,
        "Cloud HTTP:            https://www.sec.gov/Archives/",
        *([""] * 4),
        "CIK|Company Name|Form Type|Date Filed|Filename",
    ]
    return _index(head, filings, "%Y-%m-%d")


def _index(head: list[str], filings: Iterable[DayFiling], date_format: str) -> bytes:
    rows = (
        f"{party.cik}|{party.name}|{filing.form}|{filing.filed_on.strftime(date_format)}"
        f"|edgar/data/{party.cik}/{filing.accession}.txt"
        for filing in filings
        for party in filing.parties
    )
    return ("\n".join([*head, _RULE, *sorted(rows)]) + "\n").encode("latin-1", "replace")
