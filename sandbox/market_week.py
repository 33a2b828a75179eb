"""A fictional week on EDGAR: business days in a row, with amendments of earlier reports."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sandbox import dissemination, inventing
from sandbox.amendments import drawn_amendments
from sandbox.dissemination import quarter_of
from sandbox.market import DayFiling, Market

_LATEST_REPORT_DAYS = 3  # an 8-K is due four business days after its event
_LATEST_STATEMENTS_DAYS = 71  # as an 8-K/A those of an acquired business, after the 8-K is due


@dataclass(frozen=True)
class MarketWeek(Market):
    """A market of several business days, over weekends and holidays.

    ``amendments`` are pairs of accession numbers: the amendment, and what it amends.
    """

    amendments: tuple[tuple[str, str], ...] = ()


def generated_week(
    seed: int,
    first: date,
    business_days: int = 5,
    filings_a_day: int = 60,
    *,
    noise: float = 0.4,
) -> MarketWeek:
    """A week of the same companies, the same for the same arguments.

    From the second day on there is also, beside the ``filings_a_day``, an 8-K/A
    and a 10-Q/A of an earlier day's report. Prices stay as they are all week.

    Args:
        seed: Starts the chance that decides everything.
        first: The first day; if it is none for business, the next that is.
        business_days: How many days; evening filings of the last are dated one later.
        filings_a_day: How many accessions a day, amendments apart.
        noise: Share of filings of forms that nobody reads for catalysts.
    """
    dice = random.Random(seed)  # noqa: S311  (a reproducible fiction, not a secret)
    days = dissemination.business_days(first, business_days)
    companies = inventing.invented_companies(dice, filings_a_day)
    filings = [
        _with_period(dice, filing, day)
        for day in days
        for filing in inventing.invented_filings(
            dice,
            companies,
            day,
            agent=inventing.filing_agent(seed, day),
            count=filings_a_day,
            noise=noise,
        )
    ]
    pairs = drawn_amendments(dice, filings, days, seed)
    return MarketWeek(
        days,
        companies,
        _in_order([*filings, *(amendment for amendment, _ in pairs)]),
        tuple((amendment.accession, amended.accession) for amendment, amended in pairs),
    )


def _in_order(filings: Iterable[DayFiling]) -> tuple[DayFiling, ...]:
    return tuple(sorted(filings, key=lambda filing: filing.accepted_at))


def _with_period(dice: random.Random, filing: DayFiling, day: date) -> DayFiling:
    """The filing with the period of report that its form has."""
    match filing.form:
        case "8-K":
            event = day - timedelta(days=dice.randint(0, _LATEST_REPORT_DAYS))
            return replace(filing, period=event)
        case "8-K/A":  # of a report from before the week
            return replace(filing, period=day - timedelta(days=_LATEST_STATEMENTS_DAYS))
        case "10-Q":
            quarter_begins = date(day.year, 3 * quarter_of(day) - 2, 1)
            return replace(filing, period=quarter_begins - timedelta(days=1))
        case _:
            return filing
