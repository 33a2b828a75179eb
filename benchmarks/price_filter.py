"""The price filter as one frame against the loop a person would write first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pandas import DataFrame

from benchmarks.tables import Table, ratio
from benchmarks.timing import medians_s
from blocks.models import Decision, Filing, FoundBy, Party, Verdict
from blocks.price_table import PriceTable
from blocks.ticker_table import TickerTable
from tasks.price_filter import PriceRule, decide

SIZES: Final = (137, 10_000)
COMPANIES: Final = 8_000  # with a ticker, at SEC
ROUNDS: Final = 9

_FRAME, _LOOP = "decide(), one frame", "plain loop"


@dataclass(frozen=True)
class Market:
    """The reference tables that a decision needs."""

    tickers: TickerTable
    prices: PriceTable


@dataclass(frozen=True)
class Decided:
    """Median seconds of deciding on so many filings, by way."""

    filings: int
    taken_s: dict[str, float]


def tables(folder: Path) -> Iterable[Table]:  # noqa: ARG001 - needs no folder, as others do
    """Measure at every size, and set frame and loop side by side."""
    market = invented_market(COMPANIES)
    return [table([measure(market, filings_of(market, size), ROUNDS) for size in SIZES])]


def invented_market(companies: int) -> Market:
    """Companies with a ticker each, every fourth with a second; most of them priced."""
    listed = [(cik, f"T{cik}") for cik in range(1, companies + 1)]
    listed += [(cik, f"T{cik}-W") for cik in range(1, companies + 1, 4)]
    tickers = DataFrame(listed, columns=["cik", "ticker"])
    tickers["name"] = "Company"
    priced = DataFrame({"symbol": [ticker for cik, ticker in listed if cik % 10]})
    priced["price_usd"] = [0.5 + number % 15 for number in range(len(priced))]
    as_of = datetime(2025, 12, 11, 21, tzinfo=UTC)
    return Market(TickerTable(tickers, as_of), PriceTable(priced, as_of, "invented"))


def filings_of(market: Market, count: int) -> list[Filing]:
    """So many filings of the market's companies in turn."""
    ciks = market.tickers.frame["cik"].drop_duplicates().tolist()
    return [
        Filing(
            accession=f"0001193125-25-{number:06d}",
            form="8-K",
            parties=(Party(cik=ciks[number % len(ciks)], name="Company", role="Filer"),),
            found_by=FoundBy.FEED,
        )
        for number in range(count)
    ]


def measure(market: Market, filings: Sequence[Filing], rounds: int) -> Decided:
    """Decide on the same filings in both ways, from the same tables."""
    rule = PriceRule()
    ways = {
        _FRAME: lambda: decide(filings, market.tickers, market.prices, rule),
        _LOOP: lambda: loop(filings, market, rule),
    }
    return Decided(len(filings), medians_s(ways, rounds))


def loop(filings: Iterable[Filing], market: Market, rule: PriceRule) -> dict[str, Decision]:
    """What :func:`decide` says of filings with one issuer, without pandas."""
    prices = _by_symbol(market.prices)
    tickers_of: dict[int, list[str]] = {}
    listed = market.tickers.frame
    for cik, ticker in zip(listed["cik"].tolist(), listed["ticker"].tolist(), strict=True):
        tickers_of.setdefault(cik, []).append(ticker.strip())
    return {
        filing.accession: _decided(tickers_of.get(filing.issuers[0].cik, []), prices, market, rule)
        for filing in filings
    }


def _by_symbol(prices: PriceTable) -> dict[str, float]:
    frame = prices.frame
    return dict(zip(frame["symbol"].tolist(), frame["price_usd"].tolist(), strict=True))


def _decided(
    tickers: Sequence[str], prices: Mapping[str, float], market: Market, rule: PriceRule
) -> Decision:
    priced = [ticker for ticker in tickers if _folded(ticker) in prices]
    ticker = next(iter([*priced, *tickers]), None)
    price_usd = prices[_folded(priced[0])] if priced else None
    return Decision(
        verdict=_verdict(price_usd, rule),
        ticker=ticker,
        price_usd=price_usd,
        price_as_of=market.prices.as_of,
        price_source=market.prices.source,
        tickers_as_of=market.tickers.as_of,
        ticker_choice=_choice(ticker, len(tickers), priced=bool(priced)),
    )


def _folded(ticker: str) -> str:
    return ticker.upper().replace("^", "-P").replace("/", "-").replace(".", "-")


def _verdict(price_usd: float | None, rule: PriceRule) -> Verdict:
    if price_usd is None:
        keep = rule.unknown == "keep"
        return Verdict.UNKNOWN_PRICE_KEPT if keep else Verdict.UNKNOWN_PRICE_REJECTED
    if rule.ceiling_usd is not None and price_usd > rule.ceiling_usd:
        return Verdict.ABOVE_CEILING
    if rule.floor_usd is not None and price_usd < rule.floor_usd:
        return Verdict.BELOW_FLOOR
    return Verdict.WITHIN_RANGE


def _choice(ticker: str | None, of_tickers: int, *, priced: bool) -> str:
    if ticker is None:
        return "no ticker"
    if of_tickers == 1:
        return f"{ticker}, only ticker"
    which = "first priced of" if priced else "first of"
    return f"{ticker}, {which} {of_tickers}" + ("" if priced else ", none priced")


def table(measured: Sequence[Decided]) -> Table:
    """Milliseconds per frame, and how many times the loop that is."""
    header = ["way"]
    for size in measured:
        header += [f"{size.filings:,} filings", "ratio"]
    rows = [(way, *_cells(way, measured)) for way in measured[0].taken_s]
    notes = (
        "ms for all of them, medians; ratio to the loop. Both start from SEC's",
        "ticker table and the price table as frames, and end in Decision values",
    )
    return Table("price filter: one frame against a loop", tuple(header), rows, notes)


def _cells(way: str, measured: Sequence[Decided]) -> Iterable[str]:
    for size in measured:
        yield f"{size.taken_s[way] * 1e3:,.1f}"
        yield ratio(size.taken_s[way], size.taken_s[_LOOP])
