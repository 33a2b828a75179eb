"""The price filter: which filings concern a stock in the price range, decided as one frame."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from pandas import DataFrame, Series
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import Field, model_validator

from blocks.errors import ParameterError
from blocks.models import Decision, Filing, Value, Verdict
from blocks.price_table import PriceTable, fold_symbols
from blocks.ticker_table import TickerTable

_UNPRICED = {"keep": Verdict.UNKNOWN_PRICE_KEPT, "reject": Verdict.UNKNOWN_PRICE_REJECTED}

# Why an issuer decides, the strongest reason first.
_IN_RANGE, _UNPRICED_PARTY, _NONE_IN_RANGE = range(3)
_WHY_ISSUER = {
    _IN_RANGE: "the first in range",
    _UNPRICED_PARTY: "the first without a price, roles not known",
    _NONE_IN_RANGE: "the first, none in range",
}


class PriceRule(Value):
    """The range a price must lie in, bounds included; None leaves that end open.

    ``unknown`` says what becomes of a filing without a price. With ``enabled``
    False every filing passes, and the decisions say that the filter was off.
    """

    floor_usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    ceiling_usd: float | None = Field(10.0, gt=0, allow_inf_nan=False)
    unknown: Literal["keep", "reject"] = "keep"
    enabled: bool = True

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> "PriceRule":
        if self.floor_usd and self.ceiling_usd and self.floor_usd > self.ceiling_usd:
            raise ParameterError(
                f"parameter price_floor_usd: {self.floor_usd:g} is above price_ceiling_usd "
                f"{self.ceiling_usd:g}, so no price could pass; lower the floor or raise the "
                "ceiling",
                subject="price_floor_usd",
            )
        return self


def decide(
    filings: Sequence[Filing],
    tickers: TickerTable | None,
    prices: PriceTable | None,
    rule: PriceRule,
) -> dict[str, Decision]:
    """Decide on every filing at once.

    A company's price is that of its first priced ticker in SEC's order, in
    which common stock stands before preferreds, units and warrants. A filing
    about several issuers passes if any of them is in range, and its decision
    names the first such. Otherwise its first issuer decides; but where EDGAR
    gives no roles, as in the indexes, every party counts as an issuer, and a
    fund that reports on a small company stands beside it. There the first
    party without a price decides, if there is one: the filing may be about it,
    and a price that is not known must not reject by another's.

    Args:
        filings: The filings, in any order.
        tickers: SEC's tickers; None if not to be had.
        prices: Last prices; None if not to be had.
        rule: The range and the policy for unknown prices.

    Returns:
        One decision per accession number.
    """
    issuers = _issuers(filings)
    parties = issuers.join(_companies(tickers, prices, issuers["cik"]), on="cik")
    parties["verdict"] = _verdicts(parties["price_usd"], rule)
    chosen = _deciding(parties)
    return {
        str(row.accession): _decision(row, tickers, prices, rule) for row in chosen.itertuples()
    }


@task(name="price filter", cache_policy=NO_CACHE, persist_result=False)
def filter_by_price(
    filings: Sequence[Filing],
    tickers: TickerTable | None,
    prices: PriceTable | None,
    rule: PriceRule,
) -> dict[str, Decision]:
    """:func:`decide` as one task run, so that the filter has a line in the run's graph."""
    return decide(filings, tickers, prices, rule)


def _issuers(filings: Sequence[Filing]) -> DataFrame:
    """A row per filing and issuer: ``accession, cik, role, issuer`` (from 1), ``of_issuers``."""
    rows = [
        (filing.accession, party.cik, party.role) for filing in filings for party in filing.issuers
    ]
    frame = DataFrame(rows, columns=["accession", "cik", "role"])
    frame = frame.drop_duplicates(["accession", "cik"], ignore_index=True)
    in_filing = frame.groupby("accession", sort=False)["cik"]
    frame["issuer"] = in_filing.cumcount() + 1
    frame["of_issuers"] = in_filing.transform("size")
    return frame


def _companies(tickers: TickerTable | None, prices: PriceTable | None, ciks: Series) -> DataFrame:
    """For these CIKs: ``ticker`` (first priced, else first), ``price_usd``, ``of_tickers``."""
    if tickers is None:
        return DataFrame(columns=["ticker", "price_usd", "of_tickers"], dtype="float64")
    frame = tickers.frame
    listed = frame.loc[frame["cik"].isin(ciks), ["cik", "ticker"]].reset_index(drop=True)
    listed["ticker"] = listed["ticker"].str.strip()
    listed["price_usd"] = _prices_of(listed["ticker"], prices)
    listed["of_tickers"] = listed.groupby("cik")["ticker"].transform("size")
    order = listed["price_usd"].isna().sort_values(kind="stable").index
    return listed.loc[order].drop_duplicates("cik").set_index("cik")


def _prices_of(tickers: Series, prices: PriceTable | None) -> Series:
    if prices is None:
        return Series(np.nan, index=tickers.index)
    return fold_symbols(tickers).map(prices.by_symbol())


def _verdicts(prices_usd: Series, rule: PriceRule) -> Series:
    ceiling = np.inf if rule.ceiling_usd is None else rule.ceiling_usd
    floor = 0.0 if rule.floor_usd is None else rule.floor_usd
    verdicts = np.select(
        [prices_usd.isna(), prices_usd > ceiling, prices_usd < floor],
        [_UNPRICED[rule.unknown], Verdict.ABOVE_CEILING, Verdict.BELOW_FLOOR],
        default=Verdict.WITHIN_RANGE,
    )
    return Series(verdicts, index=prices_usd.index)


def _deciding(parties: DataFrame) -> DataFrame:
    """The one row of each filing that decides, see :func:`decide`; None is what is not known."""
    in_range = parties["verdict"].eq(Verdict.WITHIN_RANGE)
    perhaps_the_subject = parties["role"].eq("") & parties["price_usd"].isna()
    whys = [_IN_RANGE, _UNPRICED_PARTY]
    parties["why"] = np.select([in_range, perhaps_the_subject], whys, _NONE_IN_RANGE)
    order = parties["why"].sort_values(kind="stable").index
    chosen = parties.loc[order].drop_duplicates("accession").sort_index()
    return chosen.astype("object").where(chosen.notna(), None)


def _decision(
    row: Any,  # noqa: ANN401 - a row of itertuples has no type
    tickers: TickerTable | None,
    prices: PriceTable | None,
    rule: PriceRule,
) -> Decision:
    return Decision(
        verdict=Verdict(row.verdict) if rule.enabled else Verdict.FILTER_OFF,
        ticker=row.ticker,
        price_usd=row.price_usd,
        price_as_of=prices.as_of if prices else None,
        price_source=prices.source if prices else None,
        price_stale=prices.stale if prices else False,
        tickers_as_of=tickers.as_of if tickers else None,
        tickers_stale=tickers.stale if tickers else False,
        ticker_choice="; ".join(_choices(row, any_prices=prices is not None)),
    )


def _choices(row: Any, *, any_prices: bool) -> Iterator[str]:  # noqa: ANN401 - as above
    """Which ticker of how many and why, and of several issuers which and why."""
    if row.ticker is None:
        yield "no ticker"
    elif row.of_tickers == 1:
        yield f"{row.ticker}, only ticker"
    elif row.price_usd is not None:
        yield f"{row.ticker}, first priced of {row.of_tickers:.0f}"
    else:
        none_priced = ", none priced" if any_prices else ""
        yield f"{row.ticker}, first of {row.of_tickers:.0f}{none_priced}"
    if row.of_issuers > 1:
        why = _WHY_ISSUER[row.why] if any_prices else "the first"
        yield f"CIK {row.cik}, issuer {row.issuer} of {row.of_issuers}, {why}"
