"""What the stand-in sec.gov answers from a market, as the market is at a moment."""

import csv
import html
import io
import json
from datetime import UTC, datetime

from sandbox import edgar_index, sec_pages
from sandbox.edgar_feed import render_feed
from sandbox.loopback import Request, Response
from sandbox.market import DayFiling, Market
from sandbox.paging import END_OF_FEED, Feed, Quirks
from sandbox.paths import DAILY_INDEX, FEED, PAGE, PRICES, QUARTERLY_MASTER, SUBMISSION, TICKERS
from sandbox.revalidation import last_modified


class MarketSource:
    """Answers from a market, showing only what is disseminated by the time asked.

    Attributes:
        quirks: What is wrong with the feed.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self.quirks = Quirks()

    def answer(self, request: Request, now: datetime) -> Response:
        """Answer as EDGAR would at ``now``."""
        path = request.path
        if path == FEED:
            return self._feed(request.query, now)
        if path == TICKERS:
            headers = {"Content-Type": "application/json"} | last_modified(self._market.opens_at)
            return Response(tickers_json(self._market), headers=headers)
        if path == PRICES:
            body = prices_csv(self._market, now)
            return Response(body, headers={"Content-Type": "text/csv"})
        if "-index/" in path:
            return self._index(path, now)
        return self._archived(path, now)

    def _feed(self, query: dict[str, str], now: datetime) -> Response:
        if query.get("output") != "atom" or query.get("action") != "getcurrent":
            return sec_pages.no_matches()
        start = int(query.get("start") or 0)
        if start >= END_OF_FEED:
            return sec_pages.unavailable()
        feed = Feed(self._market.filings, now, self.quirks, query.get("type", ""))
        page = feed.page(start, int(query.get("count") or 40))
        body = render_feed(page, feed.moment_of(start))
        return Response(body, headers={"Content-Type": "application/atom+xml"})

    def _index(self, path: str, now: datetime) -> Response:
        index = None
        if daily := DAILY_INDEX.fullmatch(path):
            filed_on = datetime.strptime(daily["day"], "%Y%m%d").replace(tzinfo=UTC).date()
            index = edgar_index.daily_master(self._market, filed_on, now)
        elif quarterly := QUARTERLY_MASTER.fullmatch(path):
            year, quarter = int(quarterly["year"]), int(quarterly["quarter"])
            index = edgar_index.quarterly_master(self._market, year, quarter, now)
        if index is None:
            return sec_pages.access_denied()
        return Response(index.body, headers=last_modified(index.made_at))

    def _archived(self, path: str, now: datetime) -> Response:
        wanted = SUBMISSION.fullmatch(path) or PAGE.fullmatch(path)
        filing = self._market.by_accession.get(wanted["accession"]) if wanted else None
        if wanted is None or filing is None or not _is_shown(filing, int(wanted["cik"]), now):
            return sec_pages.no_such_key(path.removeprefix("/Archives/"))
        if SUBMISSION.fullmatch(path):
            return Response(filing.submission)
        return Response(filing_page(filing), headers={"Content-Type": "text/html"})


def tickers_json(market: Market) -> bytes:
    """SEC's ticker file of the market's companies."""
    listed = [(company, ticker) for company in market.companies for ticker in company.tickers]
    rows = {
        str(number): {"cik_str": company.cik, "ticker": ticker, "title": company.name}
        for number, (company, ticker) in enumerate(listed)
    }
    return json.dumps(rows, separators=(",", ":")).encode()


def prices_csv(market: Market, now: datetime) -> bytes:
    """Columns ``symbol,price_usd,as_of`` (UTC, the last close); unknown prices are empty."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["symbol", "price_usd", "as_of"])
    as_of = market.last_close(now).isoformat()
    writer.writerows([symbol, price_usd, as_of] for symbol, price_usd in market.quotes())
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
