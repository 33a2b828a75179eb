"""One table of last prices: the value, and how a price list becomes it. Pure.

Markets and data vendors write one share class in several ways. SEC's
``company_tickers.json`` has ``BRK-B`` and ``CTA-PA`` where Nasdaq's screener
has ``BRK/B`` and ``CTA^A`` and others ``BRK.B``; :func:`fold_symbols` brings
all of them to SEC's spelling.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from blocks.errors import PriceTableUnreadable
from blocks.models import EASTERN
from blocks.price_file import frame_in, frame_of_rows

_MARKET_CLOSE = time(16, tzinfo=EASTERN)
_NUMBER = r"[0-9]+(?:\.[0-9]*)?|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?|\.[0-9]+"
_PRICE = rf"\$?\s*(?:{_NUMBER})(?:[eE][+-]?[0-9]+)?"
_SCREENER_DATE = re.compile(r"[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4}")


@dataclass(frozen=True)
class Columns:
    """What the columns of a price list are called; ``as_of`` is optional."""

    symbol: str
    price: str
    as_of: str | None = None


_SCREENER_COLUMNS = Columns(symbol="symbol", price="lastsale")


@dataclass(frozen=True, eq=False)
class PriceTable:
    """Last prices of many symbols, as they stood at one moment.

    Attributes:
        frame: ``symbol`` (str, folded, unique) and ``price_usd`` (float64, finite, above 0).
        as_of: When the prices held, UTC.
        source: Where they came from, for people to read.
        unreadable: Rows left out because they held no symbol or no price.
        repeated: Rows left out because an earlier readable row has their symbol.
        stale: It is used past its freshness window, since its source did not give a newer one.
    """

    frame: DataFrame
    as_of: datetime
    source: str
    unreadable: int = 0
    repeated: int = 0
    stale: bool = False

    def by_symbol(self) -> Series:
        """The prices in US dollars, indexed by folded symbol."""
        return self.frame.set_index("symbol")["price_usd"]

    def dump(self) -> dict[str, Any]:
        """The table as plain JSON values; :meth:`load` undoes it, and no kept table is stale."""
        return {
            "as_of": self.as_of.isoformat(),
            "source": self.source,
            "unreadable": self.unreadable,
            "repeated": self.repeated,
            "symbols": self.frame["symbol"].tolist(),
            "prices_usd": self.frame["price_usd"].tolist(),
        }

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> "PriceTable":
        """Undo :meth:`dump`.

        Raises:
            PriceTableUnreadable: what was kept is not a dumped price table.
        """
        try:
            frame = _typed({"symbol": kept["symbols"], "price_usd": kept["prices_usd"]})
            as_of = datetime.fromisoformat(kept["as_of"]).astimezone(UTC)
            counts = int(kept["unreadable"]), int(kept["repeated"])
            return cls(frame, as_of, kept["source"], *counts)
        except (KeyError, TypeError, ValueError) as error:
            raise PriceTableUnreadable(
                f"A kept price table cannot be read back ({type(error).__name__}: {error}). "
                "Remove the kept result; the next run fetches the prices again.",
            ) from error


def fold_symbols(symbols: Series) -> Series:
    """Bring symbols to SEC's spelling: ``BRK/B``, ``brk.b`` -> ``BRK-B``; ``CTA^A`` -> ``CTA-PA``.

    Of the 9,905 tickers SEC listed in December 2025, 6,274 then stand in the
    three exchange lists of Nasdaq's screener, against 5,896 as written.
    """
    text = symbols.astype("str").fillna("").str.strip().str.upper()
    preferred = text.str.replace("^", "-P", regex=False)
    return preferred.str.replace("/", "-", regex=False).str.replace(".", "-", regex=False)


def read_prices_usd(cells: Series) -> Series:
    """Numbers and texts such as ``$1,234.50`` as float64; NaN for all that is no price.

    A price is finite and above zero. ``1,5`` is refused, not read as 15 or 1.5.
    """
    text = cells.astype("str").fillna("").str.strip()
    plain = text.where(text.str.fullmatch(_PRICE)).str.replace(r"[$,\s]", "", regex=True)
    prices = pd.to_numeric(plain, errors="coerce").astype("float64")
    return prices.where((prices > 0) & np.isfinite(prices))


def read_price_frame(
    frame: DataFrame, columns: Columns, *, as_of: datetime, source: str
) -> PriceTable:
    """A table of the frame's readable rows; of rows with one symbol the first counts.

    Args:
        frame: Any frame with the named columns.
        columns: Their names.
        as_of: When the prices held; with an ``as_of`` column its latest moment counts instead.
        source: For messages and for :attr:`PriceTable.source`.

    Raises:
        PriceTableUnreadable: there are no rows, a named column is missing, or nothing in
            it can be read.
    """
    _require(frame, columns, source)
    symbols = fold_symbols(frame[columns.symbol])
    prices_usd = read_prices_usd(frame[columns.price])
    readable = prices_usd.notna() & (symbols != "")
    if not readable.any():
        raise _no_price(frame, columns, source)
    first = readable & ~symbols[readable].duplicated().reindex(frame.index, fill_value=False)
    return PriceTable(
        frame=_typed({"symbol": symbols[first], "price_usd": prices_usd[first]}),
        as_of=_latest(frame[columns.as_of], source) if columns.as_of else as_of.astimezone(UTC),
        source=source,
        unreadable=int((~readable).sum()),
        repeated=int((readable & ~first).sum()),
    )


def read_price_file(
    body: bytes, columns: Columns, *, written_at: datetime, source: str
) -> PriceTable:
    """A table from the bytes of a Parquet, JSON (list of rows) or CSV file, told by content.

    Args:
        body: The whole file.
        columns: What its columns are called.
        written_at: Stands for the prices' time where no column gives it.
        source: For messages and for :attr:`PriceTable.source`.

    Raises:
        PriceTableUnreadable: not such a file, or see :func:`read_price_frame`.
    """
    try:
        frame = frame_in(body)
    except ValueError as error:
        raise PriceTableUnreadable(
            f"{source} is neither a CSV, a JSON list of rows nor a Parquet file "
            f"({error}). Check what the price source's location holds.",
            subject=source,
        ) from error
    return read_price_frame(frame, columns, as_of=written_at, source=source)


def read_screener(body: bytes, *, fetched_at: datetime, source: str) -> PriceTable:
    """A table from an answer of Nasdaq's stock screener.

    With ``download=true`` the rows stand in ``data.rows`` and ``data.asOf`` is
    null; without, in ``data.table.rows``, and ``data.asof`` reads "Last price
    as of Dec 11, 2025". Where no date is given the time of fetching stands in,
    and ``source`` says so: during a session the list may still hold the
    closing prices of the session before.

    Raises:
        PriceTableUnreadable: an error answer, an HTML page, one page of many, or no prices.
    """
    rows, as_of_text = _screener_rows(body, source)
    as_of = _screener_as_of(as_of_text)
    return read_price_frame(
        rows,
        _SCREENER_COLUMNS,
        as_of=min(as_of, fetched_at) if as_of else fetched_at,
        source=source if as_of else f"{source}, dated by its fetch",
    )


def _typed(columns: Mapping[str, Any]) -> DataFrame:
    frame = DataFrame(columns).astype({"symbol": "str", "price_usd": "float64"})
    if not (frame["symbol"].is_unique and np.isfinite(frame["price_usd"]).all()):
        raise ValueError("a symbol is there twice, or a price is not a finite number")
    return frame.reset_index(drop=True)


def _require(frame: DataFrame, columns: Columns, source: str) -> None:
    if frame.empty:
        raise PriceTableUnreadable(
            f"{source} has no rows. Check what the price source's location holds.", subject=source
        )
    for name in filter(None, (columns.symbol, columns.price, columns.as_of)):
        if name not in frame.columns:
            there = ", ".join(map(str, frame.columns[:20]))
            raise PriceTableUnreadable(
                f"{source} has no column {name!r}; it has: {there[:400]}. "
                "Set the price source's column names to what the list uses.",
                subject=source,
            )


def _no_price(frame: DataFrame, columns: Columns, source: str) -> PriceTableUnreadable:
    symbol, price = (str(frame[name].iloc[0])[:80] for name in (columns.symbol, columns.price))
    return PriceTableUnreadable(
        f"{source} holds no price: none of its {len(frame)} rows has a symbol in column "
        f"{columns.symbol!r} (the first: {symbol!r}) and a price in US dollars in column "
        f"{columns.price!r} (the first: {price!r}). Set the price source's column names.",
        subject=source,
    )


def _latest(moments: Series, source: str) -> datetime:
    text = moments.astype("str").fillna("")
    parsed = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    if parsed.isna().all():
        raise PriceTableUnreadable(
            f"{source} holds no ISO 8601 date or time in column {moments.name!r}; the first "
            f"is {text.iloc[0]!r}. Name another as-of column, or none to use the file's time.",
            subject=source,
        )
    moment: datetime = parsed.max().to_pydatetime()
    is_bare_date = len(text.loc[parsed == moment].iloc[0].strip()) <= len("2025-12-11")
    return _close_of(moment.date()) if is_bare_date else moment


def _close_of(day: date) -> datetime:
    return datetime.combine(day, _MARKET_CLOSE).astimezone(UTC)


def _screener_rows(body: bytes, source: str) -> tuple[DataFrame, str]:
    try:
        data = json.loads(body)["data"]
        table = data if "rows" in data else data["table"]
        rows = frame_of_rows(table["rows"])
        as_of, total = data.get("asOf") or data.get("asof"), int(data.get("totalrecords") or 0)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PriceTableUnreadable(
            f"{source} answered with something other than its stock list, beginning "
            f"{body[:200]!r}. It turns away clients it takes for robots: try again later, check "
            "the price source's location, or use a price file.",
            subject=source,
        ) from error
    if total > len(rows):
        raise PriceTableUnreadable(
            f"{source} sent {len(rows)} of {total} stocks. Ask for all at once: "
            "end the price source's location with download=true.",
            subject=source,
        )
    return rows, str(as_of)


def _screener_as_of(text: str) -> datetime | None:
    found = _SCREENER_DATE.search(text)
    if not found:
        return None
    return _close_of(datetime.strptime(found[0], "%b %d, %Y").replace(tzinfo=UTC).date())
