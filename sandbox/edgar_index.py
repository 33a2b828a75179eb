"""The master indexes of a market, in EDGAR's shape: one row per party."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from sandbox.dissemination import quarter_of
from sandbox.market import DayFiling, Market

_RULE = "-" * 80
_CONTACT = [
    "Comments:              webmaster@sec.gov",
    "Anonymous FTP:         ftp://ftp.sec.gov/edgar/",
]


class MasterIndex(NamedTuple):
    """An index file, and when (UTC) it was made."""

    body: bytes
    made_at: datetime


def daily_master(market: Market, filed_on: date, now: datetime) -> MasterIndex | None:
    """The daily master index of a filing date; None before it is made, or with no filings."""
    filings = [filing for filing in market.filings if filing.filed_on == filed_on]
    made_at = market.index_made_at(filed_on)
    if not filings or now < made_at:
        return None
    head = [
        "Description:           Daily Index of EDGAR Dissemination Feed",
        f"Last Data Received:    {filed_on:%b} {filed_on.day:2d}, {filed_on.year}",
        *_CONTACT,
        " ",
        "CIK|Company Name|Form Type|Date Filed|File Name",
    ]
    return MasterIndex(_index(head, filings, "%Y%m%d"), made_at)


def quarterly_master(market: Market, year: int, quarter: int, now: datetime) -> MasterIndex | None:
    """The quarter's master index of every day that has a daily one by ``now``, or None."""
    filings = [
        filing
        for filing in market.filings
        if (filing.filed_on.year, quarter_of(filing.filed_on)) == (year, quarter)
        and market.index_made_at(filing.filed_on) <= now
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
    made_at = max(market.index_made_at(filing.filed_on) for filing in filings)
    return MasterIndex(_index(head, filings, "%Y-%m-%d"), made_at)


def _index(head: list[str], filings: Iterable[DayFiling], date_format: str) -> bytes:
    rows = (
        f"{party.cik}|{party.name}|{filing.form}|{filing.filed_on.strftime(date_format)}"
        f"|edgar/data/{party.cik}/{filing.accession}.txt"
        for filing in filings
        for party in filing.parties
    )
    return ("\n".join([*head, _RULE, *sorted(rows)]) + "\n").encode("latin-1", "replace")
