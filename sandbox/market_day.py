"""A fictional business day on EDGAR: the bundled one, or one of any size."""

import random
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox import inventing
from sandbox.dissemination import EASTERN
from sandbox.market import Company, DayFiling, Market
from sandbox.stories import all_stories


@dataclass(frozen=True)
class MarketDay(Market):
    """A market of one business day."""

    @property
    def day(self) -> date:
        """The Eastern date of every acceptance."""
        return self.days[0]

    @property
    def closes_at(self) -> datetime:
        """The market's close, 16:00 Eastern, in UTC."""
        return self.last_close(self.ends_at)


@lru_cache
def bundled_day() -> MarketDay:
    """The bundled day, 2025-12-11: the same filings, texts and prices every time."""
    path = Path(__file__).with_name("market_day.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    companies = {
        key: _company(entry, table["trades"]) for key, entry in table["companies"].items()
    }
    others = {key: Company(**entry) for key, entry in table["others"].items()}
    filings = tuple(
        _bundled_filing(number, entry, table["day"], companies, others)
        for number, entry in enumerate(table["filings"])
    )
    return MarketDay((table["day"],), tuple(companies.values()), filings)


def generated_day(
    seed: int, filings: int = 60, *, day: date = date(2025, 12, 11), noise: float = 0.4
) -> MarketDay:
    """A day of any size, the same for the same arguments.

    Args:
        seed: Starts the chance that decides everything.
        filings: How many accessions.
        day: The Eastern date of every acceptance; a business day.
        noise: Share of filings of forms that nobody reads for catalysts.
    """
    dice = random.Random(seed)  # noqa: S311  (a reproducible fiction, not a secret)
    companies = inventing.invented_companies(dice, filings * 3 // 4)
    agent = inventing.filing_agent(seed, day)
    made = inventing.invented_filings(
        dice, companies, day, agent=agent, count=filings, noise=noise
    )
    return MarketDay((day,), companies, made)


def _company(entry: dict[str, Any], trades: dict[str, str]) -> Company:
    prices = entry.get("prices", {})
    return Company(
        cik=entry["cik"],
        name=entry["name"],
        tickers=tuple(entry.get("tickers", prices)),
        prices_usd=prices,
        industry=trades[entry["trade"]],
        unquoted=entry.get("unquoted", False),
    )


def _bundled_filing(
    number: int,
    entry: dict[str, Any],
    day: date,
    companies: dict[str, Company],
    others: dict[str, Company],
) -> DayFiling:
    return inventing.invented_filing(
        accession=inventing.accession_number(9_900_001 + number % 5, day, number + 101),
        accepted_at=datetime.combine(day, entry["at"], EASTERN).astimezone(UTC),
        story=all_stories()[entry["story"]],
        company=companies[entry["company"]],
        dice=random.Random(number),  # noqa: S311  (a reproducible fiction, not a secret)
        given=entry.get("facts"),
        beside=(others | companies).get(entry.get("with", "")),
    )
