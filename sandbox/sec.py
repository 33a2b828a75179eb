"""A stand-in sec.gov over real HTTP on loopback."""

import csv
import html
import io
import json
import re
import time
from datetime import UTC, datetime
from typing import Protocol

from sandbox import edgar_feed, edgar_index, sec_pages
from sandbox.captures import CapturedFolder
from sandbox.dissemination import index_published_at, next_business_day
from sandbox.faults import Faults
from sandbox.ledger import Ledger, Served, peak_rate
from sandbox.loopback import LoopbackServer, Request, Response
from sandbox.market_day import DayFiling, MarketDay
from sandbox.paths import DAILY_INDEX, FEED, PAGE, QUARTERLY_MASTER, SUBMISSION, TICKERS

PRICES = "/prices.csv"
_CONTACT = re.compile(r"\S@\S+\.\S")


class Source(Protocol):
    """What the stand-in serves from."""

    def answer(self, request: Request, now: datetime) -> Response:
        """Answer as EDGAR would at ``now``."""


class StandInSec(LoopbackServer):
    """Serves a market day or a folder of captures as sec.gov does; a context manager.

    Every request must declare a contact in its User-Agent, is written to
    ``ledger``, and may meet one of ``faults``. ``now`` (aware) is the clock of
    the market day; it starts when the day's last index is out.
    """

    def __init__(self, source: MarketDay | CapturedFolder) -> None:
        super().__init__()
        self.ledger: Ledger[Served] = Ledger()
        self.faults = Faults()
        self._source: Source = DaySource(source) if isinstance(source, MarketDay) else source
        self.now = _day_after(source) if isinstance(source, MarketDay) else datetime.now(UTC)

    @property
    def now(self) -> datetime:
        """The moment the stand-in lives in."""
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError(f"now must have a time zone, and {moment} has none")
        self._now = moment

    def show(self, sweep: str) -> None:
        """Serve the feed from another sweep of the captured folder from now on."""
        if not isinstance(self._source, CapturedFolder):
            raise TypeError("only a CapturedFolder has sweeps: set `now` for a market day")
        self._source.show(sweep)

    def peak_requests_per_second(self) -> int:
        """Most requests that arrived within any one second."""
        return peak_rate(served.at_s for served in self.ledger)

    def count(self, pattern: str) -> int:
        """How many requests so far had this regular expression in path or query."""
        return sum(bool(re.search(pattern, served.target)) for served in self.ledger)

    def answer(self, request: Request) -> Response:
        """Answer one request, scripted faults first, and write it down."""
        at_s, fault = time.monotonic(), self.faults.take(request.target)
        normal = Response() if fault and fault.replaces else self._normal(request)
        response = fault.spoil(normal) if fault else normal
        self.ledger.add(
            Served(
                at_s=at_s,
                method=request.method,
                target=request.target,
                status=0 if response.dropped else response.status,
                user_agent=request.user_agent,
                fault=fault.name if fault else "",
            )
        )
        return response

    def _normal(self, request: Request) -> Response:
        asks_sec = request.path != PRICES  # prices come from a vendor, who asks for no name
        if asks_sec and not _CONTACT.search(request.user_agent):
            return sec_pages.undeclared_tool()
        return self._source.answer(request, self.now)


class DaySource:
    """Answers from a market day, showing only what is disseminated by the time asked."""

    def __init__(self, day: MarketDay) -> None:
        self._day = day

    def answer(self, request: Request, now: datetime) -> Response:
        """Answer as EDGAR would at ``now``."""
        path = request.path
        if path == FEED:
            return self._feed(request.query, now)
        if path == TICKERS:
            return Response(tickers_json(self._day), headers={"Content-Type": "application/json"})
        if path == PRICES:
            return Response(prices_csv(self._day), headers={"Content-Type": "text/csv"})
        if "-index/" in path:
            return self._index(path, now)
        return self._archived(path, now)

    def _feed(self, query: dict[str, str], now: datetime) -> Response:
        if query.get("output") != "atom" or query.get("action") != "getcurrent":
            return sec_pages.no_matches()
        start = int(query.get("start") or 0)
        if start >= edgar_feed.END_OF_FEED:
            return sec_pages.unavailable()
        count = min(int(query.get("count") or 40), edgar_feed.LONGEST_PAGE)
        page = edgar_feed.entries(self._day, now, query.get("type", ""))[start : start + count]
        return Response(
            edgar_feed.render_feed(page, now), headers={"Content-Type": "application/atom+xml"}
        )

    def _index(self, path: str, now: datetime) -> Response:
        body = None
        if daily := DAILY_INDEX.fullmatch(path):
            filed_on = datetime.strptime(daily["day"], "%Y%m%d").replace(tzinfo=UTC).date()
            body = edgar_index.daily_master(self._day, filed_on, now)
        elif quarterly := QUARTERLY_MASTER.fullmatch(path):
            year, quarter = int(quarterly["year"]), int(quarterly["quarter"])
            body = edgar_index.quarterly_master(self._day, year, quarter, now)
        return sec_pages.access_denied() if body is None else Response(body)

    def _archived(self, path: str, now: datetime) -> Response:
        wanted = SUBMISSION.fullmatch(path) or PAGE.fullmatch(path)
        filing = self._day.by_accession.get(wanted["accession"]) if wanted else None
        if wanted is None or filing is None or not _is_shown(filing, int(wanted["cik"]), now):
            return sec_pages.no_such_key(path.removeprefix("/Archives/"))
        if SUBMISSION.fullmatch(path):
            return Response(filing.submission)
        return Response(filing_page(filing), headers={"Content-Type": "text/html"})


def tickers_json(day: MarketDay) -> bytes:
    """SEC's ticker file of the day's companies."""
    listed = [(company, ticker) for company in day.companies for ticker in company.tickers]
    rows = {
        str(number): {"cik_str": company.cik, "ticker": ticker, "title": company.name}
        for number, (company, ticker) in enumerate(listed)
    }
    return json.dumps(rows, separators=(",", ":")).encode()


def prices_csv(day: MarketDay) -> bytes:
    """Columns ``symbol,price_usd,as_of`` (UTC, the day's close); unknown prices are empty."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["symbol", "price_usd", "as_of"])
    as_of = day.closes_at.isoformat()
    writer.writerows([symbol, price_usd, as_of] for symbol, price_usd in day.quotes())
    return table.getvalue().encode()


def filing_page(filing: DayFiling) -> bytes:
    """The filing's page for human readers, in little."""
    rows = "".join(
        f"<tr><td>{d.sequence}</td><td>{d.filename}</td><td>{d.type}</td></tr>\n"
        for d in filing.documents
    )
    names = ", ".join(dict.fromkeys(party.name for party in filing.parties))
    title = html.escape(f"Form {filing.form} - {names} - {filing.accession}")
    return (
        f"<!DOCTYPE html>\n<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>Filing Date {filing.filed_on}</p>\n<table>\n{rows}</table>\n</body>\n</html>\n"
    ).encode()


def _is_shown(filing: DayFiling, cik: int, now: datetime) -> bool:
    return filing.disseminated_at <= now and any(party.cik == cik for party in filing.parties)


def _day_after(day: MarketDay) -> datetime:
    return index_published_at(next_business_day(day.day))
