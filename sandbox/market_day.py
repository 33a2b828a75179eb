"""A fictional business day on EDGAR, as values: companies, prices and filings."""

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from blocks.models import Document, Party
from sandbox import dissemination, names
from sandbox.dissemination import EASTERN
from sandbox.stories import Facts, Story, all_stories
from sandbox.submission import render_submission


@dataclass(frozen=True)
class Company:
    """An invented registrant.

    ``tickers`` are written as SEC writes them (``XYZ-B``); ``prices_usd`` is by
    ticker, a ticker without a price is missing from it.
    """

    cik: int
    name: str
    tickers: tuple[str, ...] = ()
    prices_usd: Mapping[str, float] = field(default_factory=dict)
    industry: str = ""
    unquoted: bool = False


@dataclass(frozen=True)
class DayFiling:
    """One accession of the day; ``accepted_at`` is UTC, ``parties`` in the feed's order."""

    accession: str
    form: str
    accepted_at: datetime
    parties: tuple[Party, ...]
    items: tuple[str, ...]
    story: Story
    company: Company
    facts: Facts

    @cached_property
    def filed_on(self) -> date:
        """The filing date EDGAR gives."""
        return dissemination.filed_on(self.form, self.accepted_at)

    @cached_property
    def disseminated_at(self) -> datetime:
        """From when on the filing can be seen and fetched."""
        return dissemination.disseminated_at(self.form, self.accepted_at)

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """What was filed."""
        ticker = next(iter(self.company.tickers), "none")
        day = self.accepted_at.astimezone(EASTERN).date()
        return self.story.documents(self.company.name, ticker, self.facts, day)

    @cached_property
    def submission(self) -> bytes:
        """The full submission text file."""
        return render_submission(
            accession=self.accession,
            form=self.form,
            accepted_at=self.accepted_at,
            filed_on=self.filed_on,
            parties=self.parties,
            items=self.items,
            documents=self.documents,
            industry=self.company.industry,
        )


@dataclass(frozen=True)
class MarketDay:
    """A business day: who there is, and what was filed, in order of acceptance."""

    day: date
    companies: tuple[Company, ...]
    filings: tuple[DayFiling, ...]

    @cached_property
    def by_accession(self) -> dict[str, DayFiling]:
        """The filings by accession number."""
        return {filing.accession: filing for filing in self.filings}

    @property
    def closes_at(self) -> datetime:
        """The market's close, 16:00 Eastern, in UTC: the time of the day's prices."""
        return datetime.combine(self.day, time(16), EASTERN).astimezone(UTC)

    def quotes(self) -> list[tuple[str, float | None]]:
        """Symbol and price of every quoted ticker; a class share is ``XYZ/B``, as brokers do."""
        listed = [(company, ticker) for company in self.companies for ticker in company.tickers]
        return [
            (ticker.replace("-", "/"), company.prices_usd.get(ticker))
            for company, ticker in listed
            if ticker in company.prices_usd or company.unquoted
        ]


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
    return MarketDay(table["day"], tuple(companies.values()), filings)


def generated_day(
    seed: int, filings: int = 60, *, day: date = date(2025, 12, 11), noise: float = 0.4
) -> MarketDay:
    """A day of any size, the same for the same arguments.

    Args:
        seed: Starts the chance that decides everything.
        filings: How many accessions.
        day: The Eastern date of every acceptance; a weekday.
        noise: Share of filings of forms that nobody reads for catalysts.
    """
    dice = random.Random(seed)  # noqa: S311  (a reproducible fiction, not a secret)
    companies = tuple(_invented(dice, number) for number in range(max(5, filings * 3 // 4)))
    moments = sorted(_moment(dice, day) for _ in range(filings))
    agent = 9_910_000 + (401 * seed + day.toordinal()) % 80_000
    return MarketDay(
        day,
        companies,
        tuple(
            _filing(
                accession=f"{agent:010d}-{day:%y}-{number:06d}",
                accepted_at=moment,
                story=_story(dice, noise),
                company=dice.choice(companies),
                dice=dice,
            )
            for number, moment in enumerate(moments, start=1)
        ),
    )


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
    return _filing(
        accession=f"{9_900_001 + number % 5:010d}-{day:%y}-{number + 101:06d}",
        accepted_at=datetime.combine(day, entry["at"], EASTERN).astimezone(UTC),
        story=all_stories()[entry["story"]],
        company=companies[entry["company"]],
        dice=random.Random(number),  # noqa: S311  (a reproducible fiction, not a secret)
        given=entry.get("facts"),
        beside=(others | companies).get(entry.get("with", "")),
    )


def _filing(  # noqa: PLR0913  (everything a filing is made of)
    *,
    accession: str,
    accepted_at: datetime,
    story: Story,
    company: Company,
    dice: random.Random,
    given: Mapping[str, Any] | None = None,
    beside: Company | None = None,
) -> DayFiling:
    return DayFiling(
        accession=accession,
        form=story.form,
        accepted_at=accepted_at,
        parties=_parties(dice, story, company, beside),
        items=story.items,
        story=story,
        company=company,
        facts=story.draw(dice, _near_the_market(company) | dict(given or {})),
    )


def _near_the_market(company: Company) -> dict[str, float]:
    """Prices in an offering stand near the price of the stock."""
    if not company.prices_usd:
        return {}
    price_usd = next(iter(company.prices_usd.values()))
    return {
        "price_usd": price_usd,
        "offer_usd": round(price_usd * 0.86, 2),
        "exercise_usd": price_usd,
        "conversion_usd": round(price_usd * 1.3, 2),
    }


def _parties(
    dice: random.Random, story: Story, company: Company, beside: Company | None
) -> tuple[Party, ...]:
    """The parties in the feed's order; a second filer repeats or joins the first."""
    about = Party(cik=company.cik, name=company.name, role=_about(story.roles))
    if len(story.roles) == 1:
        joined = [] if beside is None else [beside]
        return (about, *(Party(cik=c.cik, name=c.name, role="Filer") for c in joined))
    who = company if story.form == "FWP" else beside or _holder(dice)
    roles = {role: Party(cik=who.cik, name=who.name, role=role) for role in story.roles}
    return tuple((roles | {about.role: about}).values())


def _about(roles: tuple[str, ...]) -> str:
    return next(role for role in roles if role in {"Filer", "Subject", "Issuer"})


def _holder(dice: random.Random) -> Company:
    return Company(cik=dice.randint(9_960_000, 9_989_999), name=names.person(dice))


def _story(dice: random.Random, noise: float) -> Story:
    wanted = dice.random() < noise
    pool = [story for story in all_stories().values() if story.noise == wanted]
    return dice.choices(pool, weights=[story.weight for story in pool])[0]


def _moment(dice: random.Random, day: date) -> datetime:
    open_s = 16 * 3600
    opens = datetime.combine(day, dissemination.ACCEPTED_FROM, EASTERN)
    return (opens + timedelta(seconds=dice.randrange(open_s))).astimezone(UTC)


def _invented(dice: random.Random, number: int) -> Company:
    ticker = names.ticker(number)
    price_usd = round(dice.choice([0.4, 2.0, 5.0, 8.0, 40.0]) * dice.uniform(0.5, 1.2), 2)
    known = dice.random() < 0.92  # noqa: PLR2004  (a few prices are always missing)
    return Company(
        cik=9_910_000 + number,
        name=names.company(dice, number),
        tickers=(ticker,),
        prices_usd={ticker: price_usd} if known else {},
    )
