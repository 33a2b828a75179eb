"""Companies and filings left to chance: the same for the same dice."""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from blocks.models import Party
from sandbox import dissemination, names
from sandbox.dissemination import EASTERN
from sandbox.market import Company, DayFiling
from sandbox.stories import Story, all_stories


def invented_companies(dice: random.Random, count: int) -> tuple[Company, ...]:
    """That many companies, at least five; a few have no known price."""
    return tuple(_company(dice, number) for number in range(max(5, count)))


def invented_filings(  # noqa: PLR0913  (everything that is left to chance)
    dice: random.Random,
    companies: tuple[Company, ...],
    day: date,
    *,
    agent: int,
    count: int,
    noise: float,
) -> tuple[DayFiling, ...]:
    """A day's filings in order of acceptance, numbered from 1 by filing agent ``agent``."""
    moments = sorted(drawn_moment(dice, day) for _ in range(count))
    return tuple(
        invented_filing(
            accession=accession_number(agent, day, number),
            accepted_at=moment,
            story=_story(dice, noise),
            company=dice.choice(companies),
            dice=dice,
        )
        for number, moment in enumerate(moments, start=1)
    )


def invented_filing(  # noqa: PLR0913  (everything a filing is made of)
    *,
    accession: str,
    accepted_at: datetime,
    story: Story,
    company: Company,
    dice: random.Random,
    given: Mapping[str, Any] | None = None,
    beside: Company | None = None,
) -> DayFiling:
    """One filing; the facts that are not ``given`` are drawn, ``beside`` is a second party.

    Its period of report is the day of acceptance.
    """
    return DayFiling(
        accession=accession,
        form=story.form,
        accepted_at=accepted_at,
        parties=_parties(dice, story, company, beside),
        items=story.items,
        story=story,
        company=company,
        facts=story.draw(dice, _near_the_market(company) | dict(given or {})),
        period=accepted_at.astimezone(EASTERN).date(),
    )


def filing_agent(seed: int, day: date) -> int:
    """The first ten digits of a day's accession numbers."""
    return 9_910_000 + (401 * seed + day.toordinal()) % 80_000


def accession_number(agent: int, day: date, number: int) -> str:
    """The accession number of an agent's ``number``-th filing of the year."""
    return f"{agent:010d}-{day:%y}-{number:06d}"


def drawn_moment(dice: random.Random, day: date) -> datetime:
    """A moment of the day on which EDGAR accepts filings, in UTC."""
    open_s = 16 * 3600
    opens = datetime.combine(day, dissemination.ACCEPTED_FROM, EASTERN)
    return (opens + timedelta(seconds=dice.randrange(open_s))).astimezone(UTC)


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


def _company(dice: random.Random, number: int) -> Company:
    ticker = names.ticker(number)
    price_usd = round(dice.choice([0.4, 2.0, 5.0, 8.0, 40.0]) * dice.uniform(0.5, 1.2), 2)
    known = dice.random() < 0.92  # noqa: PLR2004  (a few prices are always missing)
    return Company(
        cik=9_910_000 + number,
        name=names.company(dice, number),
        tickers=(ticker,),
        prices_usd={ticker: price_usd} if known else {},
    )
